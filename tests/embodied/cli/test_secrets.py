"""What is typed as a secret is in no file of a run, no output and no repr; what holds what was typed is its owner's."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import connect

from embodied.cli import serve
from embodied.cli.errors import UsageError
from embodied.cli.main import main
from embodied.cli.secret_settings import KEPT_OUT, check_endpoint, hidden, merged, secret_keys, withhold
from embodied.typed import read
from tests.embodied.serving.served import ROOT

TOKEN, VIEWER, WRONG = "operators-secret-5f1c09", "viewers-secret-77b2aa", "wrong-secret-of-somebody-1234"


def files_of(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.weights
def test_a_server_leaves_its_tokens_in_no_file_and_no_output(tmp_path):
    """Given by hand and by the environment, used rightly and wrongly, until the server ends."""
    words = ["serve", "port=0", f"token={TOKEN}", f"viewer_token={VIEWER}", f"recordings={tmp_path}/recordings",
             f"hydra.run.dir={tmp_path}/run", "hydra.verbose=true"]
    server = subprocess.Popen([sys.executable, "-m", "embodied.cli.main", *words], cwd=ROOT, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, env={**os.environ, "TMPDIR": str(tmp_path)})
    said = server.stdout.readline()
    while "console: " not in said.splitlines()[-1]:
        said += server.stdout.readline()
    url = said.splitlines()[-1].split()[1]
    for token in (TOKEN, VIEWER, WRONG):
        httpx.get(f"{url}v1/worlds", headers={"Authorization": f"Bearer {token}"})
        httpx.post(f"{url}v1/plan", headers={"Authorization": f"Bearer {token}"}, content=b"no plan")
        with contextlib.suppress(InvalidHandshake, ConnectionClosed), connect(
                f"{url.replace('http', 'ws')}openpi", subprotocols=[f"bearer.{token}"],
                additional_headers={"Authorization": f"Api-Key {token}"}) as socket:
            socket.recv(timeout=60)  # the planner is loaded first
    server.send_signal(signal.SIGTERM)
    said += server.communicate(timeout=60)[0]
    secrets = [secret.encode() for secret in (TOKEN, VIEWER, WRONG)]
    assert files_of(tmp_path / "run")
    assert not [path for path in files_of(tmp_path) if any(secret in path.read_bytes() for secret in secrets)]
    assert not [secret for secret in secrets if secret.decode() in said]
    open_to_others = [path for path in files_of(tmp_path / "run") if stat.S_IMODE(path.stat().st_mode) != 0o600]
    assert not open_to_others
    assert f"token: {KEPT_OUT}" in (tmp_path / "run" / "config.yaml").read_text()


ODD = [f"token ={TOKEN}", f" token={TOKEN}", f"token@x={TOKEN}", f"+token@x:y={TOKEN}", f"--token={TOKEN}",
       f"viewer-token={TOKEN}", f"token[0]={TOKEN}", f"token.x={TOKEN}", f"+token.x={TOKEN}", f"~token@x={TOKEN}",
       f"TOKEN={TOKEN}", f"--tokn={TOKEN}", f"chat.base_url=http://host/v1?key={TOKEN}"]


@pytest.mark.parametrize("word", ODD)
@pytest.mark.parametrize("flag", [(), ("--cfg",)], ids=["run", "cfg"])
def test_a_token_in_another_spelling_is_refused_and_written_nowhere(tmp_path, monkeypatch, capsys, word, flag):
    monkeypatch.chdir(tmp_path)
    assert main(["serve", word, *flag]) == 2
    said = capsys.readouterr()
    assert said.err.startswith("embodied: ") and TOKEN not in said.out + said.err
    assert not files_of(tmp_path)


def test_a_resolved_config_and_a_repr_hold_no_token(capsys):
    assert main(["serve", f"token={TOKEN}", f"viewer_token={VIEWER}", "--cfg"]) == 0
    said = capsys.readouterr()
    assert TOKEN not in said.out + said.err and VIEWER not in said.out + said.err
    values = {field.name: None for field in dataclasses.fields(serve.Settings)
              if field.default is field.default_factory is dataclasses.MISSING}
    settings = read(serve.Settings, {**values, "chat": {}, "host": "h", "weights": "w", "backend": "local",
                                     "replicas": 1, "token": TOKEN, "viewer_token": VIEWER})
    assert settings.token == TOKEN and TOKEN not in repr(settings) and VIEWER not in repr(settings)


@pytest.mark.parametrize("word", [f"token={TOKEN},{WRONG}", f"token={{{TOKEN}", f"token=[{TOKEN}]", f"~token={TOKEN}",
                                  f"token=${{oc.env:{TOKEN}}}", f"++token={TOKEN[:9]}", f"tokn={TOKEN}",
                                  f"+chat.api_key={TOKEN}", f"chat.key_variable={TOKEN}",
                                  f"chat.base_url=http://me:{TOKEN}@host/v1",
                                  f"chat.base_url='http://host/v1?key={TOKEN}'"])
def test_a_usage_error_repeats_no_secret(tmp_path, capsys, word):
    more = ["chat.model=m", "chat.base_url=http://host/v1"] if "key_variable" in word else []
    more = ["chat.model=m"] if "base_url" in word else more
    assert main(["serve", word, *more, f"hydra.run.dir={tmp_path}/run"]) == 2
    said = capsys.readouterr()
    assert said.err.startswith("embodied: ") and TOKEN[:9] not in said.out + said.err
    assert not files_of(tmp_path)


@pytest.mark.parametrize("query", ["api-version=2024-10-21", "api-version=2024-10-21&region=eu", "a=1;b=2"])
def test_an_address_may_have_parameters_that_are_no_secrets(query):
    check_endpoint(f"https://host/openai/v1?{query}", None)


@pytest.mark.parametrize("name", ["key", "api-key", "api_key", "apikey", "API%2DKEY", "subscription-key", "token",
                                  "access_token", "sig", "X-Amz-Signature", "secret", "client%5Fsecret", "password",
                                  "pwd", "auth", "code", "credential", "sas", "x=1;sig"])
def test_a_parameter_named_like_a_secret_is_refused_by_its_name(name):
    with pytest.raises(UsageError, match=r"chat\.base_url: .*parameter ") as refused:
        check_endpoint(f"https://host/v1?api-version=1&{name}={TOKEN}", None)
    assert unquote(name).removeprefix("x=1;") in str(refused.value) and TOKEN not in str(refused.value)


@pytest.mark.parametrize("address", [f"https://me:{TOKEN}@host/v1", f"https://host/v1#{TOKEN}",
                                     f"https://host/v1?{TOKEN}",
                                     f"https://host/v1?api-version=1&{TOKEN}", f"https://host/v1?x={TOKEN}@host"])
def test_what_may_be_a_secret_in_an_address_is_not_repeated(address):
    with pytest.raises(UsageError) as refused:
        check_endpoint(address, None)
    assert TOKEN not in str(refused.value)


@pytest.mark.parametrize("word", [f"token={TOKEN}", f"+token={TOKEN}", f"token='{TOKEN}'", f'token="{TOKEN}"'])
def test_secrets_are_taken_out_and_put_back(word):
    rest, secrets = withhold(serve.Settings, ["port=1", word])
    assert rest == ["port=1"] and secrets == {"token": TOKEN}
    assert merged({"port": 1, "token": None}, secrets) == {"port": 1, "token": TOKEN}
    assert TOKEN not in str(hidden(secrets))


def test_secrets_in_a_group_have_dotted_names():
    assert secret_keys(serve.Settings) == {"token", "viewer_token"}
    assert merged({"a": {"b": 1}}, {"a.c": 2}) == {"a": {"b": 1, "c": 2}}


def test_no_secret_is_swept_over():
    with pytest.raises(UsageError, match="expected one value"):
        withhold(serve.Settings, ["token=a,b"])
