"""``bearerproof init``: what it writes runs, says what is missing, and once that is filled in, is an adapter.

BEARERPROOF_STARTERS=all python -m pytest tests/harness/test_starters.py    # every language, with a library: minutes
"""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bearerproof_fuzz.commands.starters import STARTERS

from ..conftest import CommandLine

ALL = os.environ.get("BEARERPROOF_STARTERS") == "all"


@dataclass(frozen=True)
class Filling:
    """What a user types: ``edits`` of the file with the function, and how the library is added and all is built."""

    needs: tuple[str, ...]
    edits: Mapping[str, str]
    library: tuple[str, ...] = ()
    more_edits: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


PYJWT = """token, policy = request["token"], request["policy"]
    key = jwt.PyJWKSet.from_dict(policy["keys"])[jwt.get_unverified_header(token)["kid"]]
    try:
        return jwt.decode(
            token, key, algorithms=policy["algorithms"], issuer=policy["issuer"], audience=policy["audience"]
        )
    except jwt.PyJWTError as error:
        raise Rejected from error"""
JOSE = """const { createLocalJWKSet, errors, jwtVerify } = await import("jose");
  const { issuer, audience, algorithms, keys } = policy;
  try {
    const currentDate = new Date(now * 1000);
    return (await jwtVerify(token, createLocalJWKSet(keys), { issuer, audience, algorithms, currentDate })).payload;
  } catch (error) {
    throw error instanceof errors.JOSEError ? new Rejected() : error;
  }"""
GOLANG_JWT = """claims := jwt.MapClaims{}
	_, err := jwt.ParseWithClaims(request.Token, claims, func(token *jwt.Token) (any, error) {
		pem := []byte(request.Policy.KeyTexts[fmt.Sprint(token.Header["kid"])]["pem"])
		if token.Method.Alg() == "ES256" {
			return jwt.ParseECPublicKeyFromPEM(pem)
		}
		return jwt.ParseRSAPublicKeyFromPEM(pem)
	}, jwt.WithValidMethods(request.Policy.Algorithms), jwt.WithIssuer(request.Policy.Issuer),
		jwt.WithAudience(request.Policy.Audience),
		jwt.WithTimeFunc(func() time.Time { return time.Unix(int64(request.Now), 0) }))
	if err != nil {
		return nil, Rejected{err}
	}
	return claims, nil"""
JSONWEBTOKEN = """use jsonwebtoken::{decode, decode_header, jwk::JwkSet, DecodingKey, Validation};
    let (token, policy) = (request["token"].as_str().unwrap(), &request["policy"]);
    let header = decode_header(token)?;
    let keys: JwkSet = serde_json::from_value(policy["keys"].clone()).unwrap();
    let key = keys.find(&header.kid.unwrap_or_default()).ok_or(jsonwebtoken::errors::ErrorKind::InvalidKeyFormat)?;
    let mut validation = Validation::new(header.alg);
    validation.set_issuer(&[policy["issuer"].as_str().unwrap()]);
    validation.set_audience(&[policy["audience"].as_str().unwrap()]);
    validation.validate_nbf = true;
    Ok(decode::<Value>(token, &DecodingKey::from_jwk(key)?, &validation)?.claims)"""
NIMBUS = """var allowed = new java.util.HashSet<com.nimbusds.jose.JWSAlgorithm>();
        Loop.texts(policy.get("algorithms")).forEach(name -> allowed.add(com.nimbusds.jose.JWSAlgorithm.parse(name)));
        var keys = com.nimbusds.jose.jwk.JWKSet.parse(policy.get("keys").toString());
        var processor = new com.nimbusds.jwt.proc.DefaultJWTProcessor<com.nimbusds.jose.proc.SecurityContext>();
        processor.setJWSKeySelector(new com.nimbusds.jose.proc.JWSVerificationKeySelector<>(allowed,
                new com.nimbusds.jose.jwk.source.ImmutableJWKSet<>(keys)));
        processor.setJWTClaimsSetVerifier(new com.nimbusds.jwt.proc.DefaultJWTClaimsVerifier<>(
                policy.get("audience").asText(),
                new com.nimbusds.jwt.JWTClaimsSet.Builder().issuer(policy.get("issuer").asText()).build(), null));
        try {
            return Loop.JSON.readTree(processor.process(token, null).toString());
        } catch (java.text.ParseException | com.nimbusds.jose.proc.BadJOSEException error) {
            throw new Rejected(error);
        }"""
NIMBUS_DEPENDENCY = """<dependency>
      <groupId>com.nimbusds</groupId><artifactId>nimbus-jose-jwt</artifactId><version>10.10</version>
    </dependency>"""
MISSING = "verify, in src/main/java/Adapter.java, is still to be filled in"
REAL_CLOCK = {'"injected"': '"real"'}

FILLINGS: Mapping[str, Filling] = {
    "python": Filling(
        (sys.executable,),
        {
            'raise NotImplementedError("verify, in adapter.py, is still to be filled in")': PYJWT,
            "from library": "import jwt\nfrom library",
            **REAL_CLOCK,
        },
    ),
    "node": Filling(
        ("node", "npm"),
        {'throw new Error("verify, in adapter.mjs, is still to be filled in");': JOSE},
        ("npm", "install", "--silent", "--ignore-scripts", "jose@6"),
    ),
    "go": Filling(
        ("go",),
        {
            'return nil, errors.New("verify, in adapter.go, is still to be filled in")': GOLANG_JWT,
            'import "errors"': 'import (\n"fmt"\n"time"\n\n"github.com/golang-jwt/jwt/v5"\n)',
            '"jwks"': '"pem"',
        },
        ("go", "get", "github.com/golang-jwt/jwt/v5@v5.3.1"),
    ),
    "rust": Filling(
        ("cargo",),
        {
            'let (_token, _now, _policy) = (&request["token"], &request["now"], &request["policy"]);': "",
            'panic!("verify, in src/main.rs, is still to be filled in");': JSONWEBTOKEN,
            "type Rejected = String;": "type Rejected = jsonwebtoken::errors::Error;",
            **REAL_CLOCK,
        },
        ("cargo", "add", "--quiet", "jsonwebtoken@=12.0.0", "--features", "rust_crypto"),
    ),
    "java": Filling(
        ("java", "mvn"),
        {f'throw new IllegalStateException("{MISSING}");': NIMBUS, **REAL_CLOCK},
        more_edits={"pom.xml": {"<!-- and here your library -->": NIMBUS_DEPENDENCY}},
    ),
}


def edited(path: Path, edits: Mapping[str, str]) -> None:
    text = path.read_text("utf-8")
    for old, new in edits.items():
        assert text.count(old) == 1, f"{path.name} has {old} {text.count(old)} times"
        text = text.replace(old, new)
    path.write_text(text, "utf-8")


def test_every_language_has_a_filling() -> None:
    assert set(FILLINGS) == set(STARTERS)


@pytest.mark.parametrize("language", STARTERS)
def test_what_is_written_says_what_is_missing_and_once_filled_in_passes_smoke(
    bearerproof: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    starter, filling = STARTERS[language], FILLINGS[language]
    if missing := [program for program in filling.needs if shutil.which(program) is None]:
        pytest.skip(f"{missing[0]} is not installed here")
    if language != "python" and not ALL:
        pytest.skip("BEARERPROOF_STARTERS=all builds the starters of all languages")
    folder = tmp_path / "adapter"
    written = bearerproof("init", language, folder)
    assert (written.code, written.err) == (0, "")
    assert f"bearerproof smoke -- {starter.command}" in written.out
    monkeypatch.chdir(folder)
    command = [sys.executable if word == "python3" else word for word in shlex.split(starter.command)]

    build(starter.build)
    unfilled = bearerproof("smoke", "--timeout", "20", "--", *command)
    assert unfilled.code != 0
    said = unfilled.out + unfilled.err
    assert "still to be filled in" in said or "standard error says where" in said

    for name, edits in {starter.fill_in: filling.edits, **filling.more_edits}.items():
        edited(folder / name, edits)
    if filling.library:
        subprocess.run(filling.library, check=True)
    build(starter.build)
    filled = bearerproof("smoke", "--timeout", "20", "--", *command)
    assert (filled.code, filled.err) == (0, ""), filled.out


def build(command: str) -> None:
    if command:
        subprocess.run(shlex.split(command), check=True)


def test_what_is_there_is_never_written_over(bearerproof: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "loop.mjs").write_text("mine", "utf-8")
    ended = bearerproof("init", "node", tmp_path)
    assert (ended.code, ended.out) == (3, "")
    assert "loop.mjs exists already" in ended.err
    assert [path.name for path in tmp_path.iterdir()] == ["loop.mjs"]


def test_a_language_that_has_none_is_told_with_those_that_have(bearerproof: CommandLine, tmp_path: Path) -> None:
    ended = bearerproof("init", "pyhton", tmp_path / "new")
    assert ended.code == 3
    assert "python, node, go, rust, java; did you mean python?" in ended.err
    assert not (tmp_path / "new").exists()


def test_a_folder_that_cannot_be_written_is_a_clear_message(bearerproof: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    ended = bearerproof("init", "go", tmp_path / "file" / "adapter")
    assert ended.code == 3
    assert "cannot write" in ended.err
