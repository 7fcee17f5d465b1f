"""The receivers of docs/webhooks.md in languages that are not ours, and the official package of JavaScript.

What is not installed is skipped.
"""

import base64
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.signed_cases import Case, cases
from tests.unit.delivery.test_webhooks_doc import SAMPLES, block, sample

GO_MAIN = """package main

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"strings"
)

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		part := strings.Split(lines.Text(), "\\t")
		header := http.Header{}
		header.Set("webhook-id", part[1])
		header.Set("webhook-timestamp", part[2])
		header.Set("webhook-signature", part[3])
		body, _ := base64.StdEncoding.DecodeString(part[4])
		fmt.Println(Verify(part[0], header, body))
	}
}
"""
JAVA_MAIN = """
public class Main {
  public static void main(String[] none) throws Exception {
    var lines = new java.io.BufferedReader(new java.io.InputStreamReader(System.in));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      String[] part = line.split("\\t", -1);
      var headers = new java.util.HashMap<String, String>();
      if (!part[1].isEmpty()) headers.put("webhook-id", part[1]);
      if (!part[2].isEmpty()) headers.put("webhook-timestamp", part[2]);
      if (!part[3].isEmpty()) headers.put("webhook-signature", part[3]);
      System.out.println(Webhook.verify(part[0], headers, Base64.getDecoder().decode(part[4])));
    }
  }
}
"""


def as_line(case: Case) -> str:
    secret, headers, body, _ = case
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    return "\t".join([secret, *(headers.get(name, "") for name in names), base64.b64encode(body).decode()])


def agreed(command: list[str], folder: Path, **env: str) -> None:
    made = list(cases())
    given = "".join(f"{as_line(case)}\n" for case in made)
    done = subprocess.run(
        command, cwd=folder, input=given, capture_output=True, text=True, timeout=240, check=False,
        env={**os.environ, **env},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answers = [line == "true" for line in done.stdout.split()]
    assert len(answers) == len(made)
    wrong = [case for case, answer in zip(made, answers, strict=True) if answer is not case[3]]
    assert wrong == []


def test_go(tmp_path: Path) -> None:
    go = shutil.which("go")
    if go is None:
        pytest.skip("go is not installed")
    (tmp_path / "webhook.go").write_text(block("go").replace("package webhook", "package main"), encoding="utf-8")
    (tmp_path / "main.go").write_text(GO_MAIN, encoding="utf-8")
    (tmp_path / "go.mod").write_text("module receiver\n\ngo 1.21\n", encoding="utf-8")
    agreed([go, "run", "."], tmp_path, GOTOOLCHAIN="local", GOFLAGS="-mod=mod", GOPROXY="off")


def test_java(tmp_path: Path) -> None:
    java = shutil.which("java")
    if java is None:
        pytest.skip("java is not installed")
    version = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=60, check=True).stderr
    found = re.search(r'version "(\d+)', version)
    if found is None or int(found[1]) < 17:
        pytest.skip(f"the page says Java 17, this is {version.splitlines()[0]}")
    code = block("java")
    imports = [line for line in code.splitlines() if line.startswith("import ")]
    rest = [line for line in code.splitlines() if not line.startswith("import ")]
    (tmp_path / "Main.java").write_text("\n".join([*imports, JAVA_MAIN, *rest]), encoding="utf-8")
    probe = subprocess.run([java, "--source", "17", "--version"], capture_output=True, timeout=60, check=False)
    if probe.returncode != 0:
        pytest.skip("this java runs no single files: it has no compiler")
    agreed([java, "Main.java"], tmp_path)


OFFICIAL = """
const { Webhook } = require("standardwebhooks");
const given = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(given.map(({ secret, headers, body }) => {
  try {
    new Webhook(secret).verify(Buffer.from(body, "base64").toString("utf8"), headers);
    return true;
  } catch (error) {
    return false;
  }
})));
"""


def official_package(folder: Path) -> str | None:
    """Install the official package of JavaScript there; says why not when that does not work here."""
    npm = shutil.which("npm")
    if shutil.which("node") is None or npm is None:
        return "node or npm is not installed"
    got = subprocess.run(
        [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline", "standardwebhooks@1"],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    if got.returncode != 0:
        return f"standardwebhooks cannot be installed here: {got.stderr.strip()[-200:]}"
    return None


def test_the_official_package_of_javascript_accepts_every_type_and_format(tmp_path: Path) -> None:
    why_not = official_package(tmp_path)
    if why_not is not None:
        pytest.skip(why_not)
    node = shutil.which("node") or "node"
    (tmp_path / "official.cjs").write_text(OFFICIAL, encoding="utf-8")
    wanted = [case for case in cases() if case[0].startswith("whsec_") and _is_json(case[2])]
    wanted += [_signed(sample(heading).encode()) for heading in SAMPLES]
    given = [
        {"secret": secret, "headers": headers, "body": base64.b64encode(body).decode()}
        for secret, headers, body, _ in wanted
    ]
    done = subprocess.run(
        [node, "official.cjs"], cwd=tmp_path, input=json.dumps(given), capture_output=True, text=True, timeout=60,
        check=True,
    )  # fmt: skip
    assert json.loads(done.stdout) == [verifies for *_, verifies in wanted]
    assert any(json.loads(done.stdout))


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except ValueError:
        return False
    return True


def _signed(body: bytes) -> Case:
    import time

    from service.delivery.signing import signature_headers
    from tests.signed_cases import SECRET

    return SECRET, signature_headers([SECRET], "msg_1", int(time.time()), body), body, True
