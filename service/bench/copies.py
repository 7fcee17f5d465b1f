"""Copies of a text: what presses do to a wire story."""

from collections.abc import Callable

from service.bench.family_texts import PRESSES, REPORTERS, Text, Writer

_EDITS = (
    ("밝혔다", "말했다"),
    ("말했다", "전했다"),
    ("설명했다", "밝혔다"),
    ("강조했다", "힘주어 말했다"),
    ("덧붙였다", "전했다"),
    ("늘었다", "많아졌다"),
    ("이어졌다", "계속됐다"),
    ("요청했다", "부탁했다"),
    ("제안했다", "제의했다"),
    ("들은 ", "들이 "),
    ("두고 ", "놓고 "),
)
EDITED_SHARE = 0.35
_CUTS = ("…", "...", " (더 보기)", "", "… 전문은 누리집에서 볼 수 있다.")


def headline_changed(writer: Writer, text: Text) -> Text:
    """The words are the wire's, the headline is not."""
    return Text(writer.title(), text.sentences)


def byline_changed(_writer: Writer, text: Text) -> Text:
    """Each press sets its own reporter and dateline anyway (families.py)."""
    return text


def boilerplate_differs(writer: Writer, text: Text) -> Text:
    """A press says something of its own before and after, which no cleaning knows."""
    press = writer.luck.choice(PRESSES)
    before = f"{press}가 {writer.name()} 소식을 전해 드립니다."
    return Text(text.title, (before, *text.sentences, f"{press} {writer.luck.choice(REPORTERS)}이 더 알아보겠습니다."))


def first_third(writer: Writer, text: Text) -> Text:
    """The first third of the letters, cut wherever that is."""
    whole = " ".join(text.sentences)
    return Text(text.title, (whole[: len(whole) // 3] + writer.luck.choice(_CUTS),))


def fifth_dropped(writer: Writer, text: Text) -> Text:
    """A fifth of the sentences is left out, and the headline is another."""
    count = len(text.sentences)
    gone = set(writer.luck.sample(range(count), count // 5))
    return Text(writer.title(), tuple(one for at, one in enumerate(text.sentences) if at not in gone))


def edited(writer: Writer, text: Text) -> Text:
    """An editor exchanges a word in every third sentence."""
    sentences = (_edit(one) if writer.luck.random() < EDITED_SHARE else one for one in text.sentences)
    return Text(writer.title(), tuple(sentences))


def _edit(one: str) -> str:
    for old, new in _EDITS:
        if old in one:
            return one.replace(old, new)
    return one


KINDS: tuple[Callable[[Writer, Text], Text], ...] = (
    headline_changed,
    byline_changed,
    boilerplate_differs,
    first_third,
    fifth_dropped,
    edited,
)
