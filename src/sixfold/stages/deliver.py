"""Deliver: a pack for its recipients, written, signed, and opened again before anybody is told that it is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from sixfold.errors import ServiceError
from sixfold.evaluation import (
    as_markdown,
    baseline_title,
    better_baseline,
    both,
    data_sheet,
    formula,
    gate_title,
    interval,
    shown,
)
from sixfold.fields import Field
from sixfold.files import write_whole
from sixfold.hashing import canonical_json
from sixfold.language import Text
from sixfold.pack import Card, Column, DataSet, Figure, Gate, Override, Pack, write_pack
from sixfold.product import Product
from sixfold.security import Keyring
from sixfold.serving import Bundle, Engine, same_answer
from sixfold.stages._stage import Stage
from sixfold.stages.deploy import bundle_from
from sixfold.store import Artefact, Prepared, Workspace

__all__ = ["Deliver"]

_KEY_FILE = "supplier-key.pem"


class Deliver(Stage):
    """Write the pack and the key that verifies it; the same product delivered again leaves both as they are."""

    name: ClassVar[str] = "deliver"
    is_effect: ClassVar[bool] = True

    def depends_on(self, product: Product) -> dict[str, Any]:
        return {"deliver": product.deliver.model_dump(mode="json")}

    def run(self, product: Product, inputs: Mapping[str, Artefact], work: Workspace) -> dict[str, Any]:
        """The receipt: where the pack is, its SHA-256 and size, who can open it, and the key that verifies it.

        Raises:
            KeyringError: A recipient is none.
            StoreError: The disk is full or may not be written.
            ServiceError: The reopened model does not answer its sample row rightly.
        """
        keyring = Keyring(work.store.home)
        recipients = [recipient.strip() for recipient in product.deliver.to] or [keyring.recipient]
        bundle = bundle_from(_without_addresses(product), inputs, work)
        if not bundle.report:
            bundle = replace(bundle, report=work.read(inputs["evaluate"], "report.html"))
        bundle = replace(bundle, papers=_papers(product, inputs, work))
        provenance = {"data": _data_digest(inputs["collect"])}
        provenance |= {stage: artefact.digest for stage, artefact in inputs.items()}
        pack = write_pack(
            bundle,
            _card(product, inputs, work, bundle),
            keyring=keyring,
            recipients=recipients,
            folder=work.folder,
            provenance=provenance,
        )
        _prove(pack, bundle, keyring, recipients)
        key_path = work.folder / _KEY_FILE
        write_whole(key_path, keyring.public_signing_pem(), private=False)
        work.note("deliver.written", path=pack.verified.path, readers=len(recipients))
        return {
            "pack": str(pack.verified.path.absolute()),
            "sha256": pack.verified.sha256,
            "bytes": pack.verified.bytes,
            "version": pack.manifest.version,
            "recipients": recipients,
            "key": pack.verified.key,
            "key_file": str(key_path.absolute()),
            "verified": True,
        }


def _without_addresses(product: Product) -> Product:
    """The product as a customer may know it: where its owner keeps summaries, and whom it tells, is the owner's own."""
    watch = product.deploy.watch
    if watch.to is None and not watch.tell:
        return product
    own = watch.model_copy(update={"to": None, "tell": []})
    return product.changed(deploy=product.deploy.model_copy(update={"watch": own}))


def _papers(product: Product, inputs: Mapping[str, Artefact], work: Workspace) -> dict[str, bytes]:
    """What the customer gets beside the report: the same for programs, and the data sheet."""
    report = work.read_json(inputs["evaluate"], "report.json")
    sheet = as_markdown([data_sheet(product, report)])
    report["provenance"] = _without_places(report["provenance"])
    return {"report.json": canonical_json(report), "DATASHEET.md": sheet.encode()}


def _without_places(record: Mapping[str, Any]) -> dict[str, Any]:
    """What is known of where rows came from, without the folders of their owner's machine."""
    return {
        name: _without_places(value) if isinstance(value, Mapping) else value
        for name, value in record.items()
        if name != "place"
    }


def _prove(pack: Pack, bundle: Bundle, keyring: Keyring, recipients: list[str]) -> None:
    """Hold that what the customer will load answers the sample row as the evaluated model did.

    A pack for others cannot be opened here: then the members are proven as they were before they were sealed.
    """
    own = keyring.recipient in recipients
    reopened = pack.bundle(keyring.identity) if own else Bundle.from_members(bundle.members())
    received = Engine(reopened).answers([bundle.sample["row"]], bundle.sample.get("settings"))[0]
    if not same_answer(bundle.sample["answer"], received):
        pack.verified.path.unlink(missing_ok=True)
        raise ServiceError(
            "pack_answers_wrongly", product=bundle.product.name, expected=bundle.sample["answer"], received=received
        )


def _card(product: Product, inputs: Mapping[str, Artefact], work: Workspace, bundle: Bundle) -> Card:
    report = work.read_json(inputs["evaluate"], "report.json")
    prepared = Prepared.open(inputs["prepare"], work)
    collected = inputs["collect"].about
    came_from = collected["provenance"]
    return Card(
        name=product.name,
        version=bundle.version,
        goal=product.goal or "",
        task=type(bundle.task).title,
        hub_task=bundle.task.hub_task.format(modality=_modality(bundle)),
        network=str(inputs["train"].about["network"]),
        given=[_column(field) for field in bundle.given.values()],
        target=_column(bundle.target),
        data=DataSet(
            name=str(came_from["name"]),
            digest=_data_digest(inputs["collect"]),
            rows=int(collected["rows"]),
            splits={split: prepared.real.rows(split) for split in ("train", "validation", "test")},
            synthetic=prepared.synthetic_rows,
            licence=came_from.get("licence"),
            origin=came_from.get("origin"),
        ),
        figures=[_figure(record) for record in report["figures"]],
        gates=[_gate(record) for record in report["gates"]],
        overrides=[Override(gate=gate, reason=reason) for gate, reason in work.overrides.items()],
        base_model=_base_model(product),
        terms=product.deliver.terms,
        is_medical=product.evaluate.medical,
    )


def _base_model(product: Product) -> str | None:
    """The model of the Hugging Face hub that training went on from, as the hub names it."""
    preset = str(product.train.options.get("preset") or "")
    return preset.removeprefix("hf://") if preset.startswith("hf://") else None


def _figure(record: Mapping[str, Any]) -> Figure:
    how = formula(record["name"])
    return Figure(
        name=record["name"],
        title=how.title,
        value=record["value"],
        shown=shown(record["value"], how.style),
        interval=interval(record["low"], record["high"], how.style),
        rows=record["rows"],
        baseline=_better_baseline(record),
    )


def _gate(record: Mapping[str, Any]) -> Gate:
    return Gate(gate_title(record["name"]), both(f"report.gates.{record['state']}"), Text(**record["says"]))


def _better_baseline(record: Mapping[str, Any]) -> Text:
    best = better_baseline(record)
    if best is None:
        return Text("–", "–")
    value, who = shown(record["against"][best]["value"], formula(record["name"]).style), baseline_title(best)
    return Text(f"{value.en} ({who.en})", f"{value.zh}({who.zh})")


def _column(field: Field) -> Column:
    return Column(field.name, type(field).title)


def _modality(bundle: Bundle) -> str:
    """What the hub's names of tasks begin with."""
    kinds = {field.kind() for field in bundle.given.values()}
    return next((kind for kind in ("image", "text") if kind in kinds), "tabular")


def _data_digest(collected: Artefact) -> str:
    return str(collected.about["provenance"]["digest"])
