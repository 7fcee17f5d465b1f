"""Press, author, place and time: what stands there, and nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest

from service.ingest.decode import decode_file
from service.ingest.metadata import Metadata, read_metadata
from service.ingest.reading import Document
from service.model.article import Article

STORY = "항만 도시 두 곳이 새 뱃길을 함께 열기로 했다고 13일 밝혔다. 첫 배는 가을에 뜬다."
SEED = Path("/work/shared/seed")


def of(**fields: Any) -> Metadata:
    return read_metadata(Document(Article("a", **fields)))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (f"[군산=가온일보 도나래 기자] {STORY}", {"source": "가온일보", "author": "도나래", "dateline_city": "군산"}),
        (f"(군산=가온통신) 도나래 기자 = {STORY}", {"source": "가온통신", "author": "도나래", "dateline_city": "군산"}),
        (f"(군산=가온통신) 도나래 임하늬 기자 = {STORY}", {"source": "가온통신", "author": "도나래, 임하늬", "dateline_city": "군산"}),
        (f"[군산·목포=뉴스가온] 도나래·임하늬 기자 = {STORY}", {"source": "뉴스가온", "author": "도나래, 임하늬", "dateline_city": "군산·목포"}),
        (f"【군산=뉴스가온】도나래 기자 = {STORY}", {"source": "뉴스가온", "author": "도나래", "dateline_city": "군산"}),
        (f"오슬로=도나래 특파원 {STORY}", {"author": "도나래", "dateline_city": "오슬로"}),
        (f"[Oslo=KNB뉴스] {STORY}", {"source": "KNB뉴스", "dateline_city": "Oslo"}),
        (f"[가온일보 도나래 기자] {STORY}", {"source": "가온일보", "author": "도나래"}),
        (f"{STORY}\n도나래 기자 na.rae@example.com", {"author": "도나래", "author_email": "na.rae@example.com"}),
        (f"{STORY}\n가온일보 도나래 기자(Narae@example.com)", {"source": "가온일보", "author": "도나래", "author_email": "Narae@example.com"}),
        (f"{STORY}\n경제부 도나래 기자", {"author": "도나래"}),
        (f"{STORY}\n도나래 (narae@example.com)", {"author": "도나래", "author_email": "narae@example.com"}),
        (f"{STORY}\nnarae@example.com", {"author_email": "narae@example.com"}),
        (f"{STORY} 도나래 기자 narae@example.com", {"author": "도나래", "author_email": "narae@example.com"}),
        (f"{STORY}\nCopyright ⓒ 2025 가온일보. All rights reserved. 무단 전재 금지", {"source": "가온일보"}),
        (f"{STORY}\n<저작권자 © 가온일보, 무단 전재 및 재배포 금지>", {"source": "가온일보"}),
        (f"{STORY}\n저작권자(c) 가온 일보 무단전재-재배포 금지", {"source": "가온 일보"}),
        (f"(군산=가온통신) 도나래 기자 = {STORY}\n저작권자 ⓒ 한빛일보 무단전재 금지", {"source": "한빛일보", "author": "도나래", "dateline_city": "군산"}),
        (f"입력 2025.03.11. 오후 9:40 수정 2025.03.12. 오전 1:02\n{STORY}", {"published_at": "2025-03-11T21:40:00+09:00"}),
        (f"기사승인 2025-03-11 09:40:05\n{STORY}", {"published_at": "2025-03-11T09:40:05+09:00"}),
        # Nothing that would have to be guessed:
        (STORY, {}),
        (f"입력 29일 오후 9시\n{STORY}", {}),
        (f"수정 2025.03.12. 오전 1:02\n{STORY}", {}),
        (f"{STORY}\n사진=가온통신 제공", {}),
        (f"{STORY}\n문의는 군산시 문화과 arts@example.com", {}),
        ("기자협회 소속 도나래 기자는 상을 받았다. 그는 narae@example.com 으로 온 제보를 읽었다고 말했다.", {}),
        (f"{STORY}\n관련기사\n[목포=가온일보 도나래 기자] 목포의 봄", {}),
    ],
)  # fmt: skip
def test_text(text: str, wanted: dict[str, str]) -> None:
    assert of(text=text) == Metadata(**wanted)


def test_html() -> None:
    page = (
        '<head><title>두 항구 손잡다 | 한빛일보</title><meta property="og:site_name" content="가온&amp;나루 일보">'
        '<meta name="author" content="도나래 기자"><meta property="article:section" content="경제">'
        "<meta content='2025-03-11T21:40:00+09:00' property='article:published_time'></head>"
    )
    assert of(html=f"{page}<p>{STORY}</p>") == Metadata(
        "가온&나루 일보", "도나래", None, None, "2025-03-11T21:40:00+09:00", "경제"
    )
    portal = '<title>두 항구 : 네이버 뉴스</title><meta property="og:site_name" content="네이버 뉴스">'
    assert of(html=f"{portal}<p>{STORY}</p>") == Metadata()
    assert of(html=f"{portal}<p>[군산=<b>가온</b>일보 도나래 기자] {STORY}</p>") == Metadata(
        "가온일보", "도나래", None, "군산"
    )
    assert of(html=f"<title>두 항구 손잡다 - 한빛일보</title><p>{STORY}</p>").source == "한빛일보"
    assert of(html=f"<title>두 항구 손잡다 - 새 뱃길</title><p>{STORY}</p>").source is None
    assert of(html='<meta name="author" content="https://example.com/narae"><p>글</p>').author is None


def test_letters_are_those_of_the_article() -> None:
    found = of(text=f"(Oslo=ＫＮＢ뉴스) 도나래 기자 = {STORY}\nNarae.Do@Example.com")
    assert found == Metadata("ＫＮＢ뉴스", "도나래", "Narae.Do@Example.com", "Oslo")


@pytest.mark.skipif(not (SEED / "portal-page.gold.json").exists(), reason="the page is not in the repository")
def test_the_portal_page() -> None:
    gold = json.loads((SEED / "portal-page.gold.json").read_text(encoding="utf-8"))
    found = read_metadata(Document(decode_file("p.txt", (SEED / "portal-page.txt").read_bytes())))
    keys = ("source", "author", "author_email", "dateline_city", "published_at")
    assert [getattr(found, key) for key in keys] == [gold[key] for key in keys]
    assert found.section is None
