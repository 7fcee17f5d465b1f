"""`python -m service` is `bongsu`."""

from service.cli import main

if __name__ == "__main__":
    main()
