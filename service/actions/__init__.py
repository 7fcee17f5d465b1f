"""What a person can do, once: the command line and the API both call it.

Every action takes the `Control` it works through and the `Actor` who asks. Whatever belongs to another tenant than the
actor's is not found, exactly as what does not exist. Nothing here prints, parses arguments or knows HTTP.
"""
