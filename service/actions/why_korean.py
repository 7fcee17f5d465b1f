"""The sentences of `bongsu why` in Korean (`why_words`). Particles after ids are those that fit any reading."""

SENTENCES = {
    "no_article": (
        "{since} 이후에 들어온 기사 가운데 {article}은(는) 없습니다. 기사 ID가 맞는지 확인하세요. 기사는 7일, "
        "기사에서 찾은 것은 30일 동안 보관합니다."
    ),
    "found_by_url": "이 주소의 기사 ID는 {article}입니다.",
    "unreadable": "기사가 들어왔지만 읽을 수 없었습니다: {why}",
    "taken_down": "{at}에 삭제된 기사입니다.",
    "on_hold": "구독이 {state} 상태여서, 알릴 것이 보관되어 있습니다.",
    "not_watched": "{rules} {fired}에 걸렸지만, 이 구독이 보는 규칙이 아닙니다. 이 구독은 {watched}만 봅니다.",
    "not_watched_here": "이 구독이 보지 않는 규칙입니다",
    "not_addressed": "{rules} {fired}에 걸렸지만 알림이 만들어지지 않았습니다. {why}.",
    "newer_than_match": "구독을 만든 때({at})가 기사를 찾은 때({matched})보다 나중입니다",
    "changed_after_match": "기사를 찾은 뒤({matched})에 구독이 바뀌었습니다({at})",
    "not_reached": (
        "worker가 아직 이 기사까지 오지 못했습니다. worker가 도는지, `bongsu audit`으로 어디까지 왔는지 확인하세요"
    ),
    "undecided": (
        "알림은 만들어졌지만 어떻게 할지 아직 정해지지 않았습니다. worker가 도는지, `bongsu audit`으로 어디까지 "
        "왔는지 확인하세요."
    ),
    "notified": "{at}에 알렸습니다({reason}, {delivery}). ",
    "held": "{reason} 보류 중입니다({until}).",
    "expired": (
        "{at}에 기한이 지나 알리지 않았습니다. {published}에 나온 기사인데, 기한보다 오래된 것은 알리지 않습니다."
    ),
    "until": "늦어도 {at}까지",
    "until_unknown": "끝나는 때는 정해지지 않음",
    "attached": "보도 {story}에 묶였습니다{by}. {reason}. ",
    "attached_told": "그 보도는{about} {delivery}(으)로 알렸습니다. ",
    "attached_about": " 기사 {article}에 대해",
    "attached_to_held": "그 기사는 {decision} 상태입니다: {reason}({until}).",
    "attached_waits": "{until} 알립니다.",
    "silenced_by_unknown": "알림 끄기 {id} 때문에 알리지 않았습니다({until}).",
    "silenced": (
        "{author} 님의 알림 끄기 {id}(“{comment}”) 때문에 {at}까지 알리지 않습니다. 가려진 것은 그때 한 번에 "
        "모아 알립니다."
    ),
    "suppressed": "{at}에 알리지 않기로 했습니다. {why}.",
    "filtered": (
        "{at}에 구독의 필터({filter}) 때문에 알리지 않기로 했습니다. 기사는 {given}, 구독이 원하는 것은 {wanted}입니다."
    ),
    "tier": "{tier}등급({source})",
    "tier_wanted": "{tier}등급 이상",
    "confidence_wanted": "{confidence} 이상",
    "delivered": "{at}에 전달되었습니다({number}번째 시도, 상태 코드 {status}).",
    "not_sent": "아직 보내지 않았습니다. dispatcher가 도는지 확인하세요.",
    "deadline": " {at}까지 보내지 못하면 기한이 지납니다.",
    "attempt": "{count}번 시도했고, 마지막({at})은 이렇게 끝났습니다. {failure}",
    "attempts": "{count}번 시도했고, 마지막({at})은 이렇게 끝났습니다. {failure}",
    "not_delivered": "전달하지 못했습니다({outcome}). {failed}.",
    "retried": "아직 전달하지 못했습니다. {failed}{again}.",
    "again": "; {at}에 다시 보냅니다",
    "text_taken_down": (
        "{article}에서는 물어본 규칙이 하나도 걸리지 않았습니다. 삭제된 기사여서 본문이 남아 있지 않습니다."
    ),
    "text_too_old": (
        "{article}에서는 물어본 규칙이 하나도 걸리지 않았습니다. 보관 기간이 지나 본문이 남아 있지 않습니다."
    ),
    "no_such_rule": (
        "적용된 규칙 가운데 {written}에 맞는 것이 없습니다. `bongsu subscriptions show`가 이 구독의 규칙을 보여 줍니다."
    ),
    "shadow": "{rule}에 걸렸지만 시험 중인 규칙(shadow)입니다. 세기만 하고 알리지 않습니다.",
    "rules_changed": (
        "기사가 들어왔을 때({came})는 아무 규칙에도 걸리지 않았지만, 지금은 {rules}에 걸립니다. 그 사이 규칙이 "
        "바뀌었거나, worker가 아직 이 기사까지 오지 못했습니다. {advice}"
    ),
    "publish_again": "알림을 받으려면 기사를 다시 넣으세요.",
    "expired_by_now": "지금은 그 규칙의 기한이 지나서, 다시 넣어도 알리지 않습니다.",
    "rules_expired": (
        "기사가 들어왔을 때({came}) 적용되던 규칙에는 걸리지 않았습니다. 그때 이미 기한이 지난 규칙: {rules}. "
        "규칙의 expires를 늦추면 그 뒤에 들어오는 기사부터 다시 찾습니다."
    ),
    "nearest": (
        "이 구독이 보는 규칙 {count}개 가운데 걸린 것이 없습니다. 가장 가까운 규칙은 {rule}({when})입니다: "
        "{lacked}{there}."
    ),
    "lacked": "{terms}이(가) 없습니다",
    "unwanted": "{terms}이(가) 없어야 합니다",
    "and": ", 그리고 ",
    "not_as_wanted": "모두 나오지만 규칙이 바라는 모양이 아닙니다",
    "there": " (나온 것: {terms})",
    "does_not_count": "{term}: ‘{text}’({zone})은(는) 세지 않습니다{why}",
}
TERMS = {
    "rules": {"one": "규칙", "many": "규칙"},
    "state": {"paused": "일시 중지", "disabled": "전송 중단"},
    "told": {
        "first": "첫 소식",
        "each": "기사마다",
        "group_wait": "같은 소식을 모아서",
        "digest": "정기 요약",
        "throttle": "알림 간격을 두고 모아서",
        "cap": "시간당 한도를 넘어 모아서",
        "quiet_hours": "방해 금지 시간이 끝나서",
        "silence_ended": "알림 끄기가 끝나서",
        "frequency": "짧은 시간에 몰려서",
        "sources": "다루는 매체가 늘어서",
        "tier": "더 비중 있는 매체가 다루어서",
        "headline": "제목이 바뀌어서",
        "headline_changed": "제목이 바뀌어서",
        "sentence_changed": "찾던 대목이 바뀌어서",
        "correction": "기사가 정정되어서",
        "taken_down": "기사가 삭제되어서",
    },
    "outcome": {
        "given_up": "재시도가 끝남",
        "expired": "기한이 지남",
        "undeliverable": "구독이 삭제됨",
        "held": "보관 중",
        "retry": "다시 보낼 예정",
        "delivered": "전달됨",
    },
    "decision": {
        "notified": "알림",
        "attached": "묶임",
        "held": "보류",
        "silenced": "알림 끄기",
        "expired": "기한 지남",
        "suppressed": "알리지 않음",
    },
    "joined": {
        "article": "같은 기사",
        "url": "같은 주소",
        "body": "본문이 같음",
        "near_duplicate": "본문이 거의 같음",
        "version_chain": "고친 기사",
    },
    "filter": {"source": "매체", "lang": "언어", "section": "섹션", "tier": "매체 등급", "confidence": "확신도"},
    "zone": {
        "title": "제목",
        "subhead": "부제",
        "lead": "첫 문단",
        "body": "본문",
        "caption": "사진 설명",
        "quote": "인용",
        "dateline": "발신지",
        "byline": "기자 이름",
        "related": "관련 기사 목록",
        "boilerplate": "상투 문구",
    },
    "failure": {
        "status": "성공이 아닌 상태 코드",
        "redirect": "다른 주소로 돌림",
        "gone": "받는 곳이 없어짐",
        "throttled": "요청이 너무 많다고 함",
        "dns": "이름을 찾지 못함",
        "connect": "연결되지 않음",
        "tls": "인증서 문제",
        "timeout": "제때 답하지 않음",
        "reset": "연결이 끊김",
        "protocol": "HTTP가 아닌 답",
        "too_large": "답이 너무 큼",
        "blocked": "보낼 수 없는 주소",
        "subscription_gone": "구독이 삭제됨",
        "bad_secret": "서명할 수 없는 비밀 키",
        "expired": "기한이 지남",
        "network": "이쪽 네트워크 문제",
        "resources": "이쪽 자원이 모자람",
        "resolver": "이름 서버가 답하지 않음",
    },
    "held": {
        "group_wait": "같은 소식을 모으느라",
        "group_interval": "조금 전에 알린 보도라서",
        "quiet_hours": "방해 금지 시간이라서",
        "throttle": "알림 간격을 두느라",
        "cap": "시간당 한도를 넘어서",
        "digest": "정기 요약에 넣으려고",
        "frequency": "정한 만큼 모이기를 기다리느라",
    },
    "suppressed": {
        "redated": "오래전에 나온 기사가 뒤늦게 들어왔습니다",
        "inhibited": "더 좁은 규칙 {by}이(가) 같은 보도를 알립니다",
        "frequency_not_reached": "정한 시간 안에 들어온 기사가 너무 적었습니다",
        "taken_down": "기사가 삭제되었습니다",
        "subscription_gone": "구독이 삭제되었습니다",
    },
    "attached": {
        "copy": "같은 보도의 다른 기사를 알렸습니다",
        "version": "이 보도를 먼저 알렸고, 다시 알릴 만큼 바뀐 것이 없습니다",
        "superseded": "더 새로운 판이 대신합니다",
        "not_listed": "요약에 수만 들어가고 목록에는 없습니다",
        "too_many_versions": "가장 새로운 판이 대신합니다",
    },
    "uncounted": {
        "zone": "세지 않는 자리입니다",
        "repetition": "같은 말이 다시 나옵니다",
        "not_in": "더 긴 이름(not_in) 안에 있습니다",
        "begins": "다른 낱말의 가운데입니다",
        "ends": "뒤에 붙은 말 때문에 다른 낱말입니다",
        "case": "글자의 대소문자가 다릅니다",
        "needs": "함께 있어야 할 말(needs)이 없습니다",
        "sense": "그 이름으로 쓰인 말이 아닌 듯합니다",
        "overlap": "더 긴 이름의 일부입니다",
        "gloss": "바로 앞 이름을 괄호로 풀어 쓴 것입니다",
    },
}
