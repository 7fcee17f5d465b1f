"""How articles of the benchmarks are put together: templates filled with names, and paragraphs up to a length."""

from collections.abc import Callable

PARAGRAPH = 180
"""Characters after which the next sentence begins a new one."""
_SLOTS = ("{0}", "{1}", "{2}")
_JOSA = (("{는}", "은", "는"), ("{와}", "과", "와"), ("{가}", "이", "가"))


def josa(word: str, with_final: str, without: str) -> str:
    """`word` with the josa that agrees with it."""
    return word + (with_final if (ord(word[-1]) - 0xAC00) % 28 else without)


def filled(template: str, name: Callable[[], str]) -> str:
    """`template` with a `name` in each of its slots {0} to {2}; a josa behind one, as {는}, agrees with it."""
    out = template
    for slot in _SLOTS:
        if slot in out:
            one = name()
            for mark, with_final, without in _JOSA:
                out = out.replace(slot + mark, josa(one, with_final, without))
            out = out.replace(slot, one)
    return out


def paragraphs(begin: str, length: int, sentence: Callable[[], str]) -> list[str]:
    """Sentences of about `length` characters in all, the first of them behind `begin`."""
    out = [begin]
    size = 0
    while size < length:
        written = sentence()
        size += len(written) + 1
        if len(out[-1]) > PARAGRAPH:
            out.append(written)
        else:
            out[-1] = f"{out[-1]} {written}"
    return out
