"""What looks like a copy and is none: one template, one event told twice, shared words of a press or a release.

Each function takes an event that a few others get too; most make nothing of it.
"""

from collections.abc import Callable

from service.bench.family_texts import REPORTERS, Text, Writer

_FLASHES = ("공장에서 불, 인명 피해 확인 중", "임시 회의 소집", "새 대표 선임", "열차 운행 재개", "호우 경보 발령")
_SKIES = ("맑겠다", "흐리겠다", "구름이 많겠다", "흐리고 비가 오겠다", "차차 맑아지겠다")


def market(writer: Writer, _event: Text) -> Text:
    """Every day the same words."""
    luck = writer.luck
    went = luck.choice(("오른", "내린"))

    def number(low: int, high: int) -> str:
        return f"{luck.randint(low, high):,}.{luck.randint(0, 99):02}"

    return Text(
        f"지수 {number(2000, 3900)} {went} 채 마감",
        (
            f"주가 지수가 전 거래일보다 {number(1, 90)}포인트 {went} {number(2000, 3900)}에 거래를 마쳤다.",
            f"지수는 {number(2000, 3900)}로 출발해 장중 한때 {number(2000, 3900)}까지 움직였다.",
            f"개인은 {luck.randint(100, 9000)}억 원, 기관은 {luck.randint(100, 9000)}억 원어치를 각각 거래했다.",
            "외국인 투자자의 움직임이 장 마감까지 지수의 방향을 정했다는 분석이 나온다.",
            f"시가총액 상위 종목 가운데 {writer.name()} 주식은 {number(1, 9)}% 움직였다.",
            "증권가에서는 당분간 눈치 보기 장세가 이어질 것으로 내다본다.",
            f"환율은 달러당 {number(1200, 1490)}원에 거래됐다.",
            "전문가들은 금리 결정을 앞두고 위험 관리에 신경 써야 한다고 조언했다.",
        ),
    )


def weather(writer: Writer, _event: Text) -> Text:
    """Most of it is advice that is always right."""
    luck = writer.luck
    low, high = luck.randint(-9, 24), luck.randint(0, 35)
    return Text(
        "내일 날씨",
        (
            f"내일은 전국이 대체로 {luck.choice(_SKIES)}.",
            f"아침 최저 기온은 {low}도, 낮 최고 기온은 {high}도로 예보됐다.",
            f"{writer.name()} 지역은 {luck.randint(-9, 24)}도에서 {luck.randint(0, 35)}도 사이를 오가겠다.",
            "일교차가 크게 벌어지는 곳이 많아 건강 관리에 유의해야 한다.",
            f"물결은 앞바다에서 {luck.randint(1, 9) / 2}m, 먼바다에서 최고 {luck.randint(2, 12) / 2}m로 일겠다.",
            f"예상 강수량은 {luck.randint(1, 30)}~{luck.randint(31, 80)}mm다.",
            "미세먼지 농도는 전 권역에서 보통 수준을 보이겠다.",
            "안개가 끼는 곳에서는 교통안전에 각별히 주의해야 한다고 당부했다.",
            "비가 오는 지역에서는 돌풍과 함께 천둥과 번개가 치는 곳이 있겠다.",
            "건조한 날씨가 이어지는 곳에서는 산불을 비롯한 화재 예방에 힘써야 한다.",
        ),
    )


def sports(writer: Writer, _event: Text) -> Text:
    """Two teams, a score, and what is always said after."""
    luck = writer.luck
    home, away = luck.sample(writer.names, 2)
    return Text(
        f"{home}, {away} 꺾고 {luck.randint(2, 9)}연승",
        (
            f"{home} 선수단이 안방에서 {away} 선수단을 {luck.randint(3, 14)} 대 {luck.randint(0, 9)} 점수로 눌렀다.",
            f"선발 투수는 {luck.randint(4, 8)}이닝 {luck.randint(0, 4)}실점으로 마운드를 지켰다.",
            f"{luck.choice(REPORTERS)} 선수가 {luck.randint(1, 9)}회 말 승부를 가르는 안타를 쳤다.",
            "승부는 마지막까지 알 수 없었고 관중석에서는 함성이 끊이지 않았다.",
            f"이날 승리로 {home} 쪽은 {luck.randint(20, 80)}승 {luck.randint(20, 80)}패가 됐다.",
            f"두 팀은 {luck.randint(1, 28)}일 같은 곳에서 다시 만난다.",
            "감독은 선수들이 끝까지 집중해 줘서 고맙다고 말했다.",
            "상대 팀 감독은 다음 경기를 차분히 준비하겠다고 짧게 말했다.",
        ),
    )


def notice(writer: Writer, _event: Text) -> Text:
    """A template without numbers: only the names differ."""
    one, other = writer.luck.sample(writer.names, 2)
    return Text(
        f"{one}·{other} 업무 협약",
        (
            f"{one} 쪽과 {other} 쪽이 지역 발전과 인재 양성을 위한 업무 협약을 맺었다.",
            "이날 협약식에는 두 기관의 대표와 실무자들이 참석해 앞으로의 계획을 나눴다.",
            f"협약에 따라 {one} 쪽은 시설과 장비를 함께 쓸 수 있게 내놓는다.",
            f"{other} 쪽은 교육 과정을 만들고 강사를 보내기로 했다.",
            "두 기관은 해마다 성과를 함께 점검하고 부족한 점을 고쳐 나갈 계획이다.",
            f"{one} 대표는 “오늘의 협약이 두 기관 모두에 도움이 되기를 바란다”고 말했다.",
            f"{other} 대표는 “지역과 함께 자라는 기관이 되겠다”고 화답했다.",
            "한편 두 기관은 지난해부터 여러 차례 만나 협력 방안을 논의해 왔다.",
        ),
    )


def reporter(writer: Writer, event: Text) -> Text:
    """Another reporter of an event: quotations and figures of its release, and words of their own."""
    shared = writer.luck.sample(event.sentences, 5)
    own = writer.sentences(writer.luck.randint(8, 20))
    return Text(event.title, tuple(writer.luck.sample([*shared, *own], len(shared) + len(own))))


def shared_boilerplate(writer: Writer, _event: Text) -> Text:
    """A short article, and three sentences that its press puts under all."""
    return Text(
        writer.title(),
        (
            *writer.sentences(writer.luck.randint(6, 9)),
            "이 기사는 지역 언론 지원 사업의 도움을 받아 작성됐다.",
            "기사에 담긴 의견은 편집국의 공식 입장과 다를 수 있다.",
            "바로잡을 내용은 독자 상담실로 알려 주기 바란다.",
        ),
    )


def daily_column(writer: Writer, _event: Text) -> Text:
    """The same headline every day."""
    return Text("[아침 편지] 오늘을 여는 생각", writer.sentences(14))


def flash(writer: Writer, _event: Text) -> Text:
    """A headline and next to no body; of some others only the name differs."""
    return Text(f"[속보] {writer.name()}, {writer.luck.choice(_FLASHES)}", ("자세한 소식은 곧 전해 드립니다.",))


def round_up(writer: Writer, event: Text) -> Text:
    """Short news in one article, one of them whole out of another article."""
    return Text("오늘의 짧은 소식", (*writer.sentences(12), *event.sentences[:5], *writer.sentences(8)))


def plain(writer: Writer, _event: Text) -> Text:
    """Looks like nothing else."""
    return writer.text(writer.luck.randint(8, 45))


KINDS: tuple[Callable[[Writer, Text], Text], ...] = (
    market,
    weather,
    sports,
    notice,
    reporter,
    shared_boilerplate,
    daily_column,
    flash,
    round_up,
    plain,
)
