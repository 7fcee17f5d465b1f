"""Articles and rules of any number for the benchmarks: the same for the same seed, and shaped like Korean news.

Names are composed of syllables that Korean names are made of; sentences are of this project's own writing.
"""

import random
from collections.abc import Iterator
from typing import Any

FAMILY = (
    "김이박최정강조윤장임한오서신권황안송류홍전고문손양배백허남심노하곽성차주우구민진지엄채원천방공현함변"
    "염여추도소석선설마길연위표명기반왕금옥육인맹제모탁국어은편용예경봉사부가복태목형피두감음빈동온호범좌"
    "팽승간상시갈단견당"
)
GIVEN = (
    "가나다라마바사아자차하거너더러머버서어저고노도로모보소오조주구누두루무부수우유그느드르브스으즈기니디"
    "리미비시이지민준서현도윤우진하은지호연채원재승혁태성훈영경석철희숙정미"
)
KINDS = (
    "전자",
    "건설",
    "물산",
    "은행",
    "바이오",
    "항공",
    "조선",
    "화학",
    "식품",
    "제약",
    "통신",
    "중공업",
    "증권",
    "해운",
    "모터스",
)
SENTENCES = (
    "{}는 27일 새 사업 계획을 발표하고 내년 상반기에 첫 시설을 연다고 밝혔다.",
    "이날 행사에는 관계자 이백여 명이 참석했으며 {}의 대표단도 자리를 함께했다.",
    "업계는 이번 결정이 시장에 미칠 영향을 조심스럽게 지켜보고 있다.",
    "전문가들은 비용이 예상보다 늘어날 수 있다며 단계별 점검이 필요하다고 지적했다.",
    "{}에서 온 방문객은 지난해보다 두 배로 늘었고 숙박과 음식 소비도 함께 올랐다.",
    "주민들은 소음과 교통 문제를 걱정하면서도 일자리가 생긴다는 점은 반겼다.",
    "한 관계자는 “아직 정해진 것은 없지만 올해 안에 결론을 내겠다”고 말했다.",
    "예산은 세 해에 걸쳐 나누어 쓰이고, 첫해에는 설계와 조사에 가장 많은 돈이 든다.",
    "{}와 맺은 협약에는 인력 교류와 공동 연구, 재난 때의 상호 지원이 담겼다.",
    "다음 회의는 내달 초에 열리며 세부 일정은 추후 공지될 예정이다.",
    "지난달 조사에서 응답자 열 명 가운데 여섯 명이 이 계획에 찬성한다고 답했다.",
    "현장 점검 결과 일부 구간에서 보완이 필요한 것으로 나타나 공사가 잠시 멈췄다.",
)
TEXT_LENGTH = 1500


def names(count: int, seed: int = 7) -> list[str]:
    """Different made-up names of companies and people, two to six syllables."""
    luck = random.Random(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        stem = luck.choice(FAMILY) + "".join(luck.choice(GIVEN) for _ in range(luck.choice((1, 2, 2, 3))))
        found[stem + luck.choice(KINDS) if luck.random() < 0.5 else stem] = None
    return list(found)


def rule_file(count: int, seed: int = 7) -> dict[str, Any]:
    """`count` rules over as many entities: mostly one entity, some AND, some AND NOT; in the form of rule files."""
    luck = random.Random(seed + 1)
    known = names(count, seed)
    entities = [{"id": f"e{n}", "name": name, "kind": "company"} for n, name in enumerate(known)]
    rules = []
    for n in range(count):
        other = luck.randrange(count)
        dice = luck.random()
        when = f"@e{n}" if dice < 0.65 or other == n else f"@e{n} AND {'NOT ' if dice > 0.9 else ''}@e{other}"
        rules.append({"id": f"r{n}", "name": f"규칙 {n}", "when": when})
    return {"entities": entities, "rules": rules}


def articles(count: int, watched: int, seed: int = 11, *, share: float = 0.1) -> Iterator[dict[str, Any]]:
    """`count` articles of about 1,500 characters; `share` of the name slots hold one of the first `watched` names."""
    luck = random.Random(seed)
    known = names(watched)
    strangers = names(2000, seed + 99)
    for n in range(count):
        sentences: list[str] = []
        length = 0
        while length < TEXT_LENGTH:
            pool = known if luck.random() < share else strangers
            sentence = luck.choice(SENTENCES).format(luck.choice(pool))
            sentences.append(sentence)
            length += len(sentence) + 1
        paragraphs = [" ".join(sentences[at : at + 4]) for at in range(0, len(sentences), 4)]
        yield {
            "id": f"bench-{seed}-{n}",
            "url": f"https://example.com/{seed}/{n}",
            "source": f"가상일보 {n % 300}",
            "title": f"{luck.choice(strangers)}, 새 계획 발표… {n}번째 소식",
            "text": "\n".join(paragraphs),
        }
