"""The chart, rendered by the real helm and held against Kubernetes' own schemas, old and new, and against promises.

Not tested: an installation on a cluster. What a checker must refuse it is fed too, so that it is known to bite.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from service.cli import COMMANDS
from service.settings import Settings
from tests.deploy.tools import BAD, ROOT, crd, run, said, tool

pytestmark = pytest.mark.deploy

CHART = ROOT / "deploy" / "helm" / "bongsu"
OLDEST, NEWEST = "1.27", "1.37"
KAFKA = "kafka.bootstrapServers=kafka-1:9092\\,kafka-2:9094"
ALL_ON: tuple[str, ...] = (
    "existingSecret=bongsu", "history.enabled=true", "kafka.topicPrefix=news.",
    "kafka.securityProtocol=SASL_SSL", "kafka.saslUsername=bongsu", "kafka.tls.existingSecret=kafka",
    "kafka.tls.clientCertificate=true", "settings.DELIVERY_ALLOW_ADDRESSES=10.1.0.0/16",
    "settings.LOG_LEVEL=WARNING", "networkPolicy.webhookCidrs={10.1.0.0/16}", "serviceMonitor.enabled=true",
    "api.ingress.enabled=true", "api.ingress.host=bongsu.example.org", "api.ingress.tlsSecret=tls",
    "image.pullSecrets[0].name=registry",
)  # fmt: skip
ON_CPU = tuple(f"{role}.autoscaling.enabled=true" for role in ("worker", "dispatcher", "api"))
ON_LAG = ("keda.enabled=true", "keda.authenticationRef=kafka")
VARIANTS = {
    "defaults": (),
    "all on": ALL_ON,
    "scaled on CPU": (*ALL_ON, *ON_CPU),
    "scaled on lag": (*ALL_ON, *ON_LAG),
    "secrets in files": (*ALL_ON, "secretsAs=files"),
    "least": ("worker.replicas=1", "dispatcher.replicas=1", "worker.persistence.enabled=false", "audit.enabled=false",
              "api.enabled=false", "topicsJob.enabled=false", "networkPolicy.enabled=false"),
}  # fmt: skip
OPERATORS = {
    "ServiceMonitor": "monitoring.coreos.com_servicemonitors.yaml",
    "PrometheusRule": "monitoring.coreos.com_prometheusrules.yaml",
    "ScaledObject": "keda.sh_scaledobjects.yaml",
}


def template(*values: str, chart: Path = CHART, kafka: str = KAFKA, kube: str = f"{OLDEST}.0") -> Any:
    """`helm template`; the kubeVersion is given, for a helm that was built from source thinks of an old one."""
    flags = [word for value in (kafka, *values) for word in ("--set", value)]
    return run([tool("helm"), "template", "bongsu", chart, "--namespace", "news", "--kube-version", kube, *flags])


def rendered(*values: str) -> list[dict[str, Any]]:
    done = template(*values)
    assert done.returncode == 0, said(done)
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def validate(text: str, folder: Path, version: str) -> Any:
    """kubernetes-validate, which refuses unknown fields too."""
    path = folder / "rendered.yaml"
    path.write_text(text, encoding="utf-8")
    return run([tool("kubernetes-validate"), "--strict", "--no-warn", "-k", version, path])


def pods(objects: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for one in objects:
        if one["kind"] in {"Deployment", "StatefulSet", "Job"}:
            yield one["metadata"]["name"].removeprefix("bongsu-"), one["spec"]["template"]["spec"]


def named(objects: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"].removeprefix("bongsu-"): one for one in objects if one["kind"] == kind}


def test_helm_lint() -> None:
    done = run([tool("helm"), "lint", "--strict", CHART, "--set", KAFKA])
    assert done.returncode == 0, said(done)


def test_helm_lint_bites() -> None:
    done = run([tool("helm"), "lint", "--strict", BAD / "chart"])
    assert done.returncode != 0
    assert "parse error" in done.stdout + done.stderr, said(done)


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("variant", VARIANTS)
def test_kubernetes_would_take_it(variant: str, version: str, tmp_path: Path) -> None:
    done = template(*VARIANTS[variant], kube=f"{version}.0")
    assert done.returncode == 0, said(done)
    checked = validate(done.stdout, tmp_path, version)
    assert checked.returncode == 0, said(checked)
    kinds = [one["kind"] for one in yaml.safe_load_all(done.stdout) if one]
    assert checked.stdout.count(" passed for resource ") == sum(kind not in OPERATORS for kind in kinds)


@pytest.mark.parametrize("name", ["port.yaml", "unknown-field.yaml"])
def test_kubernetes_validate_bites(name: str, tmp_path: Path) -> None:
    done = validate((BAD / "kubernetes" / name).read_text(encoding="utf-8"), tmp_path, NEWEST)
    assert done.returncode != 0, said(done)


def schema_of(kind: str) -> dict[str, Any]:
    definition = yaml.safe_load(crd(OPERATORS[kind]).read_text(encoding="utf-8"))
    schema: dict[str, Any] = closed(definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
    return schema


def closed(schema: Any) -> Any:
    """The same schema, refusing unknown fields as an API server prunes them: a misspelt one must not pass."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: closed(part) for key, part in schema.items()}
    if isinstance(pattern := made.get("pattern"), str) and "(?i)" in pattern:  # Go takes it anywhere, Python first
        made["pattern"] = "(?i)" + pattern.replace("(?i)", "")
    if isinstance(made.get("properties"), dict) and made.get("type") == "object":
        made.setdefault("additionalProperties", False)
        if set(made["properties"]) >= {"apiVersion", "kind", "metadata"}:
            made["properties"]["metadata"] = {"type": "object"}
    return made


def test_the_operators_would_take_theirs() -> None:
    objects = rendered(*ALL_ON, *ON_LAG)
    found = [one for one in objects if one["kind"] in OPERATORS]
    assert {one["kind"] for one in found} == {"ServiceMonitor", "ScaledObject"}
    for one in found:
        jsonschema.validate(one, schema_of(one["kind"]))


def test_the_rules_become_an_object_of_the_operator() -> None:
    files = sorted((ROOT / "deploy" / "prometheus" / "rules").glob("*.yaml"))
    done = template("prometheusRule.enabled=true")
    if not files:
        assert "no rule file" in done.stderr, said(done)
        return
    assert done.returncode == 0, said(done)
    (made,) = (one for one in yaml.safe_load_all(done.stdout) if one and one["kind"] == "PrometheusRule")
    jsonschema.validate(made, schema_of("PrometheusRule"))
    written = [group for path in files for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]]
    assert made["spec"]["groups"] == written


@pytest.mark.parametrize("name", ["servicemonitor.yaml", "scaledobject.yaml", "prometheusrule.yaml"])
def test_the_schemas_of_operators_bite(name: str) -> None:
    bad = yaml.safe_load((BAD / "kubernetes" / name).read_text(encoding="utf-8"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(bad, schema_of(bad["kind"]))


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_container_is_locked_down(variant: str) -> None:
    for name, pod in pods(rendered(*VARIANTS[variant])):
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["enableServiceLinks"] is False, name
        security = pod["securityContext"]
        assert security["runAsNonRoot"], name
        assert (security["runAsUser"], security["seccompProfile"]) == (10001, {"type": "RuntimeDefault"})
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}
        }, name  # fmt: skip
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}, name
        assert "memory" in container["resources"]["limits"], name
        assert {mount["mountPath"] for mount in container["volumeMounts"]} >= {"/tmp", "/var/lib/bongsu"}


def test_every_role_is_a_command_and_is_probed() -> None:
    objects = rendered(*ALL_ON)
    roles = {name: pod["containers"][0] for name, pod in pods(objects) if name != "topics"}
    assert set(roles) == {"worker", "dispatcher", "audit", "api", "history"}
    for name, container in roles.items():
        assert container["args"] == [name, "--metrics-port", "9100"]
        assert name in COMMANDS
        for probe in ("startupProbe", "livenessProbe"):
            assert container[probe]["httpGet"] == {"path": "/healthz", "port": "metrics"}
        assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "metrics"}


def test_the_settings_of_each_role_are_settings_of_bongsu() -> None:
    """What Bongsu would read is read by it: a variable that does not exist would stop the role."""
    secret = {
        "secret-key": "k1:" + "A" * 43 + "=",
        "kafka-password": "p",
        "history-url": "postgresql+psycopg://bongsu:p@postgres/bongsu",
    }
    for name, pod in pods(rendered(*ALL_ON)):
        entries = pod["containers"][0]["env"]
        environ = {
            one["name"]: one["value"] if "value" in one else secret[one["valueFrom"]["secretKeyRef"]["key"]]
            for one in entries
        }
        assert len(environ) == len(entries), f"{name}: a variable stands twice"
        settings = Settings(environ)
        assert settings.kafka.bootstrap_servers == "kafka-1:9092,kafka-2:9094"
        assert settings.kafka.topic_prefix == "news."
        assert str(settings.kafka.ssl_cafile) == "/etc/bongsu/kafka/ca.crt"
        assert settings.delivery.allow_addresses == ("10.1.0.0/16",)
        assert (settings.bongsu.secret_key is not None) == (name in {"worker", "dispatcher", "api", "history"})
        assert (settings.history.url is not None) == (name in {"api", "history"})
        assert settings.api.host == ("0.0.0.0" if name == "api" else "127.0.0.1")


def test_secrets_in_files_are_those_that_bongsu_reads_and_only_its_own(tmp_path: Path) -> None:
    held = {"secret-key": f"k1:{'A' * 43}=", "kafka-password": "p", "history-url": "postgresql+psycopg://b@postgres/b"}
    own = {"worker": {"secret-key"}, "dispatcher": {"secret-key"}, "api": {"secret-key", "history-url"},
           "history": {"secret-key", "history-url"}, "audit": set(), "topics": set()}  # fmt: skip
    seen = set()
    for name, pod in pods(rendered(*VARIANTS["secrets in files"])):
        (container,) = pod["containers"]
        assert not [one for one in container["env"] if "valueFrom" in one], name
        (mount,) = (one for one in container["volumeMounts"] if one["name"] == "secrets")
        (volume,) = (one["secret"] for one in pod["volumes"] if one["name"] == "secrets")
        assert (mount["readOnly"], volume["secretName"], volume["defaultMode"]) == (True, "bongsu", 0o440)
        assert {item["path"] for item in volume["items"]} == own[name] | {"kafka-password"}
        files = tmp_path / name
        files.mkdir()
        for item in volume["items"]:
            (files / item["path"]).write_text(held[item["key"]], encoding="utf-8")
        environ = {one["name"]: one["value"].replace(mount["mountPath"], str(files)) for one in container["env"]}
        settings = Settings(environ)
        assert settings.kafka.sasl_password is not None
        assert settings.kafka.sasl_password.get_secret_value() == "p"
        assert (settings.bongsu.keys is not None) == ("secret-key" in own[name])
        assert (settings.history.url is not None) == ("history-url" in own[name])
        seen.add(name)
    assert seen == set(own)
    without = [pod for _, pod in pods(rendered("secretsAs=files"))]
    assert not [one for pod in without for one in pod["volumes"] if one["name"] == "secrets"], "there are none"


def test_selectors_find_their_own_pods_and_no_others() -> None:
    objects = rendered(*ALL_ON)
    labels = {
        one["metadata"]["name"].removeprefix("bongsu-"): one["spec"]["template"]["metadata"]["labels"]
        for one in objects
        if one["kind"] in {"Deployment", "StatefulSet"}
    }
    selectors = {
        f"{one['kind']}/{one['metadata']['name']}": (one["metadata"]["name"].removeprefix("bongsu-"), selector)
        for one in objects
        if (selector := _selector(one))
    }
    assert len(selectors) == 5 + 5 + 5 + 3, "workloads, services, policies, budgets"
    for where, (role, selector) in selectors.items():
        hit = {name for name, has in labels.items() if selector.items() <= has.items()}
        assert hit == {role}, where


def _selector(one: dict[str, Any]) -> Any:
    """Labels by which an object chooses pods; None: it chooses none."""
    spec = one.get("spec", {})
    match one["kind"]:
        case "Service":
            return spec["selector"]
        case "Deployment" | "StatefulSet" | "PodDisruptionBudget":
            return spec["selector"]["matchLabels"]
        case "NetworkPolicy":
            return spec["podSelector"]["matchLabels"]
    return None


def test_who_may_speak_to_whom() -> None:
    policies = named(rendered(*ALL_ON), "NetworkPolicy")

    def ports(role: str, way: str) -> set[Any]:
        return {port["port"] for rule in policies[role]["spec"][way] for port in rule["ports"]}

    assert ports("worker", "egress") == {53, 9092, 9094}
    assert ports("audit", "ingress") == {"metrics"}
    assert ports("history", "egress") == {53, 9092, 9094, 5432}
    assert ports("api", "ingress") == {"metrics", "http"}
    assert ports("dispatcher", "egress") == {53, 9092, 9094, 80, 443, 8080, 8443}
    outside = policies["dispatcher"]["spec"]["egress"][-1]["to"]
    assert "169.254.0.0/16" in outside[0]["ipBlock"]["except"], "the address of a cloud's metadata"
    assert outside[-1] == {"ipBlock": {"cidr": "10.1.0.0/16"}}


def test_what_scales_says_no_number_of_its_own() -> None:
    for values in (ON_CPU, ON_LAG):
        objects = rendered(*values)
        assert "replicas" not in named(objects, "StatefulSet")["worker"]["spec"]
        assert "replicas" not in named(objects, "Deployment")["dispatcher"]["spec"]
    lag = named(rendered(*ALL_ON, *ON_LAG), "ScaledObject")
    assert lag["worker"]["spec"]["triggers"][0]["metadata"]["consumerGroup"] == "news.bongsu-worker"
    assert lag["dispatcher"]["spec"]["triggers"][0]["metadata"]["topic"] == "news.deliveries"
    assert lag["worker"]["spec"]["maxReplicaCount"] == 4


REFUSED = {
    "kafka.bootstrapServers: say where": ("kafka.bootstrapServers=",),
    "existingSecret: name the secret that holds BONGSU_HISTORY_URL": ("history.enabled=true",),
    "saslUsername": ("kafka.securityProtocol=SASL_SSL", "existingSecret=b"),
    "two would scale one role": (*ON_CPU, *ON_LAG),
    "at most kafka.partitions": ("worker.autoscaling.enabled=true", "worker.autoscaling.maxReplicas=9"),
    "tokens do not travel in clear": ("api.ingress.enabled=true", "api.ingress.host=h"),
    "the chart sets it itself": ("settings.KAFKA_TOPIC_PREFIX=x",),
    "invalid propertyName 'KAFKA_SASL_PASSWORD'": ("settings.KAFKA_SASL_PASSWORD=x",),
    "invalid propertyName 'HISTORY_URL_FILE'": ("settings.HISTORY_URL_FILE=x",),
    "secretsAs": ("secretsAs=volume",),
    "replica": ("worker.replica=3",),
    "securityProtocol": ("kafka.securityProtocol=TLS",),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_values_that_would_not_work_are_refused(reason: str) -> None:
    done = template(*REFUSED[reason])
    assert done.returncode != 0
    assert re.search(re.escape(reason), done.stderr), said(done)


def test_the_schema_knows_every_value() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    schema = yaml.safe_load((CHART / "values.schema.json").read_text(encoding="utf-8"))

    def compare(given: dict[str, Any], known: dict[str, Any], where: str) -> None:
        if known.get("additionalProperties") is False:
            assert set(known["properties"]) - {"global", "claims"} == set(given) | _left_out(known, given), where
            for key, value in given.items():
                if isinstance(value, dict):
                    compare(value, known["properties"][key], f"{where}.{key}")

    def _left_out(known: dict[str, Any], given: dict[str, Any]) -> set[str]:
        return {"requests", "limits"} - set(given) if "limits" in known["properties"] else set()

    compare(values, schema, "values")
