"""Scripts of characters, and the final consonant that josa agree with."""

VOWEL, CONSONANT, RIEUL = 1, 2, 4
"""What a syllable ends in; a bit each."""
ANY_FINAL = VOWEL | CONSONANT | RIEUL

HANGUL, LATIN, DIGIT, HAN, KANA, OTHER = range(6)


def final_of(character: str) -> int:
    """Bit of what `character` ends in; all of them where its reading is not known (Latin, digits, Han)."""
    code = ord(character) - 0xAC00
    if not 0 <= code < 11172:
        return ANY_FINAL
    final = code % 28
    return VOWEL if final == 0 else RIEUL if final == 8 else CONSONANT


def script_of(character: str) -> int:
    """Script of a character; OTHER is everything that is no letter or digit."""
    if "가" <= character <= "힣" or "ㄱ" <= character <= "ㆎ":
        return HANGUL
    if (
        "一" <= character <= "鿿"
        or "㐀" <= character <= "䶿"
        or character in "々〇"
        or "\U00020000" <= character <= "\U0003ffff"
    ):
        return HAN
    if "ぁ" <= character <= "ヿ" and character != "・":
        return KANA
    if character.isdecimal():
        return DIGIT
    return LATIN if character.isalpha() else OTHER
