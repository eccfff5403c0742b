"""What a customer can do with a pack, and only the customer."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from packing import linear_bundle

from sixfold.errors import KeyringError, PackError
from sixfold.hashing import digest
from sixfold.pack import Card, Pack, open_pack, verify_pack, write_pack
from sixfold.security import Keyring, decrypted, fingerprint, read_public_key, trusted_keys
from sixfold.serving import Bundle, Engine


def test_the_customer_verifies_with_the_public_key_alone(pack: Pack, key: bytes) -> None:
    verified = verify_pack(pack.verified.path, key)
    assert verified.sha256 == digest(pack.verified.path.read_bytes())
    assert verified.key == fingerprint(key) == verified.manifest.signed_by
    assert [(entry.name, entry.sealed) for entry in verified.manifest.members if entry.sealed] == [
        ("sealed/bundle.json.age", True),
        ("sealed/graph.onnx.age", True),
        ("sealed/report.html.age", True),
    ]


def test_the_opened_model_answers_as_the_packed_one_did(
    pack: Pack, key: bytes, bundle: Bundle, customer: Keyring
) -> None:
    opened = open_pack(pack.verified.path, key).bundle(customer.identity)
    assert Engine(opened).answers([bundle.sample["row"]]) == [bundle.sample["answer"]]
    assert (opened.version, opened.report) == (bundle.version, bundle.report)
    assert open_pack(pack.verified.path, key).report(customer.identity) == bundle.report


def test_nobody_but_a_recipient_opens_it(pack: Pack, key: bytes, supplier: Keyring, bundle: Bundle) -> None:
    with pytest.raises(PackError) as caught:
        open_pack(pack.verified.path, key).bundle(supplier.identity)
    assert caught.value.code == "pack.wrong_recipient"
    for secret in bundle.members().values():
        assert secret not in pack.verified.path.read_bytes()


def test_a_pack_by_an_unknown_key_is_not_opened(pack: Pack, stranger: Keyring) -> None:
    for trusted in ([], stranger.public_signing_pem()):
        with pytest.raises(PackError) as caught:
            open_pack(pack.verified.path, trusted)
        assert caught.value.code == "pack.unknown_signer"
        assert "--key" in caught.value.mend("en")


def test_a_machine_trusts_its_own_key_and_those_in_its_trusted_folder(
    pack: Pack, key: bytes, supplier: Keyring, customer: Keyring, stranger: Keyring
) -> None:
    assert verify_pack(pack.verified.path, trusted_keys(supplier))
    assert trusted_keys(customer) == []
    assert not (customer.home.path / "keys" / "signing.pem").exists()
    (customer.home.folder("trusted") / "supplier.pem").write_bytes(key)
    assert trusted_keys(customer) == [key]
    assert verify_pack(pack.verified.path, [stranger.public_signing_pem(), *trusted_keys(customer)])


def test_a_file_that_is_no_public_key_is_refused(tmp_path: Path, supplier: Keyring) -> None:
    file = tmp_path / "key.pem"
    for content in (b"", b"hello", supplier.public_ledger_pem()):
        file.write_bytes(content)
        with pytest.raises(KeyringError) as caught:
            read_public_key(file)
        assert caught.value.code == "keys.not_a_public_key"
    with pytest.raises(KeyringError, match="key_unreadable"):
        read_public_key(tmp_path / "absent.pem")


def test_any_zip_tool_reads_it(pack: Pack) -> None:
    with zipfile.ZipFile(pack.verified.path) as archive:
        assert archive.testzip() is None
        assert archive.namelist()[:2] == ["manifest.json", "model.sig"]
        assert {name: archive.read(name) for name in archive.namelist()} == dict(pack.members)


def test_the_standard_age_tool_opens_sealed_members(
    pack: Pack, bundle: Bundle, customer: Keyring, tmp_path: Path
) -> None:
    age = shutil.which("age")
    if age is None:
        pytest.skip("the age command is not installed")
    (tmp_path / "key.txt").write_text(str(customer.identity))
    sealed = pack.members["sealed/graph.onnx.age"]
    opened = subprocess.run([age, "-d", "-i", tmp_path / "key.txt"], input=sealed, capture_output=True, check=True)
    assert opened.stdout == bundle.graphs["graph"]


def test_several_recipients_open_the_same_pack(
    *, bundle: Bundle, card: Card, key: bytes, supplier: Keyring, customer: Keyring, stranger: Keyring, tmp_path: Path
) -> None:
    to = [customer.recipient, stranger.recipient]
    packed = write_pack(bundle, card, keyring=supplier, recipients=to, folder=tmp_path, provenance={})
    for reader in (customer, stranger):
        assert packed.bundle(reader.identity).version == bundle.version
    assert not any(recipient.encode() in packed.verified.path.read_bytes() for recipient in to)


def test_delivering_the_same_again_leaves_the_file_that_the_customer_has(
    *, pack: Pack, bundle: Bundle, card: Card, supplier: Keyring, customer: Keyring, tmp_path: Path
) -> None:
    given = {"keyring": supplier, "recipients": [customer.recipient], "provenance": dict(pack.manifest.provenance)}
    path = shutil.copy(pack.verified.path, tmp_path)
    before = Path(path).read_bytes()
    assert write_pack(bundle, card, folder=tmp_path, **given).verified.path.read_bytes() == before
    other = write_pack(bundle, replace(card, terms="MIT"), folder=tmp_path, **given)
    assert other.verified.path == Path(path)
    assert other.verified.path.read_bytes() != before
    newer = linear_bundle(regularisation=0.01)
    write_pack(newer, replace(card, version=newer.version), folder=tmp_path, **given)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        f"tumours-{each.version}.sixfold" for each in (bundle, newer)
    )


def test_a_changed_pack_in_the_way_is_replaced(
    *, pack: Pack, bundle: Bundle, card: Card, key: bytes, supplier: Keyring, customer: Keyring, tmp_path: Path
) -> None:
    path = tmp_path / pack.verified.path.name
    path.write_bytes(pack.verified.path.read_bytes()[:-1])
    write_pack(bundle, card, keyring=supplier, recipients=[customer.recipient], folder=tmp_path, provenance={})
    assert verify_pack(path, key)


def test_the_same_content_gives_the_same_digests(
    *, pack: Pack, bundle: Bundle, card: Card, supplier: Keyring, customer: Keyring, tmp_path: Path
) -> None:
    again = write_pack(
        bundle, card, keyring=supplier, recipients=[customer.recipient], folder=tmp_path, provenance={}
    ).manifest
    clear = [[entry for entry in each.members if not entry.sealed] for each in (pack.manifest, again)]
    assert clear[0] == clear[1]
    assert (pack.manifest.content, pack.manifest.version) == (again.content, again.version)


def test_a_wrong_recipient_leaves_nothing_behind(bundle: Bundle, card: Card, supplier: Keyring, tmp_path: Path) -> None:
    with pytest.raises(KeyringError, match="not_a_recipient"):
        write_pack(bundle, card, keyring=supplier, recipients=["age1nobody"], folder=tmp_path, provenance={})
    assert list(tmp_path.iterdir()) == []


def test_the_card_of_a_medical_product_says_what_it_is_not_in_both_languages(card: Card) -> None:
    said = ("not a certified medical device", "不是经认证的医疗器械")
    medical = replace(card, is_medical=True).to_markdown(key="k", wheel="w")
    assert all(sentence in medical for sentence in said)
    assert not any(sentence in card.to_markdown(key="k", wheel="w") for sentence in said)


def test_the_card_is_a_hugging_face_model_card_in_both_languages(pack: Pack) -> None:
    _, head, text = pack.card.split("---\n", 2)
    front = yaml.safe_load(head)
    assert front["license"] == "other"
    assert front["library_name"] == "sixfold"
    assert front["pipeline_tag"] == "tabular-classification"
    assert front["model-index"][0]["results"][0]["metrics"] == [{"type": "accuracy", "name": "Accuracy", "value": 0.94}]
    for words in (
        "62.3 % (Always the most frequent class)",
        "89.5–97.4 %",
        "总猜最常见的类",
        "人工放行",
        "114",
        "CC BY 4.0",
    ):
        assert words in text
    assert pack.manifest.signed_by in text
    assert "A row \\| twice." in text


def test_terms_that_are_a_licence_are_named_as_one(card: Card) -> None:
    text = replace(card, terms="Apache-2.0").to_markdown(key="k", wheel="w")
    assert yaml.safe_load(text.split("---\n")[1])["license"] == "apache-2.0"


def test_words_of_the_maker_make_no_page_of_their_own(card: Card) -> None:
    text = replace(card, goal="Hi\n---\n# Not a heading <script>", name="x").to_markdown(key="k", wheel="w")
    assert "\n# Not a heading" not in text
    assert "<script>" not in text


def test_a_newer_format_and_what_is_no_pack_say_so(tmp_path: Path, pack: Pack, key: bytes) -> None:
    file = tmp_path / "x.sixfold"
    with pytest.raises(PackError, match="no_pack"):
        verify_pack(file, key)
    with pytest.raises(PackError, match="no_pack"):
        verify_pack(tmp_path, key)
    file.write_bytes(b"hello")
    with pytest.raises(PackError, match="not_a_pack"):
        verify_pack(file, key)
    foreign = io.BytesIO()
    with zipfile.ZipFile(foreign, "w") as archive:
        archive.writestr("manifest.json", "{}")
    file.write_bytes(foreign.getvalue())
    with pytest.raises(PackError, match="member_changed"):
        verify_pack(file, key)


def test_sealed_members_are_age_files(pack: Pack, customer: Keyring) -> None:
    for entry in pack.manifest.members:
        if entry.sealed:
            assert pack.members[entry.name].startswith(b"age-encryption.org/v1\n")
            assert decrypted(pack.members[entry.name], customer.identity, what=entry.name)


def test_verifying_loads_nothing_heavy(pack: Pack, key: bytes) -> None:
    code = (
        "import sys; from sixfold.pack import verify_pack; "
        f"verify_pack({str(pack.verified.path)!r}, {key!r}); "
        "print([name for name in ('model_signing', 'sigstore', 'onnxruntime', 'packaging', 'keras', 'scipy', 'sklearn')"
        " if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
