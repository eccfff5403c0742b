"""The adaptive search: which network, set how, for these rows, on this machine, within this time.

Every network that suits the columns is tried as its maker would set it, for a slice of the time. Then the time that is
left goes where it pays: to the best network that the clock cut short, anew and for longer (successive halving, Jamieson
& Talwalkar 2016); and, once none was cut, to variations of the best ones, drawn by a tree-structured Parzen estimator
(Bergstra et al. 2011, in Optuna). In the end the finished models are mixed, if the mixture pays for itself.

A trial runs in a process of its own: one that fails or is killed is written down, and the search goes on. What is
finished is kept in the store, so a search that is killed goes on with it, and with its clock.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, cast

import numpy as np

from sixfold.errors import TrainingError
from sixfold.fields import TABLE_FORMS, Array, Form, input_names
from sixfold.hashing import digest_of_value
from sixfold.networks import Draw, Facts, Fitted, Network, Proposal
from sixfold.store import Artefact, Workspace
from sixfold.tasks import Task
from sixfold.training._candidates import candidates
from sixfold.training._ensemble import calibrated, loss_of_rows, merged, mixture, temperature_of
from sixfold.training._trial import Trial, run_trial
from sixfold.training._tried import Contender, Folds, Tried

__all__ = ["LONGER", "MOST_TRIALS", "UNASKED_SECONDS", "Search", "first_slice"]

UNASKED_SECONDS = 180.0
"""What a search may take where nobody says how long: each network once, and a longer run for one that was cut."""

_SLICE = 0.15
_SHORTEST_SLICE = 25.0
"""TensorFlow takes about five seconds to start and a few more to compile: a shorter slice measures little else."""

_SHORTEST_RUN, _OF_IDLE = 8.0, 1.5
LONGER = 1.5
"""How many times as long as before a network that was cut must be able to train to be begun anew."""

MOST_TRIALS = 40
_LATE = 0.04
"""Of the budget, by how much the last trial may be late."""

_PERFECT_LOSS = 0.02
_PERFECT_ROWS = 100
_PAYS, _PAYS_ON_TABLES = 0.005, 0.001
"""By which share the mixture must lower the loss of the best model alone to be worth serving several; of tables, whose
models answer in microseconds, by less."""

_VARIED = 2
"""Of so many of the best networks variations are tried, in turn."""

_SURE = 2.0
_FOLDS_PAY = 0.6
"""Of what its whole recipe takes, the time that each fold of a network of pictures or texts must have at least."""


def first_slice(budget: float) -> float:
    """Seconds that a first look at a network gets of a budget in seconds."""
    return max(_SLICE * budget, _SHORTEST_SLICE)


class Search:
    """One search, for one artefact of `train`.

    Args:
        template: What all trials have in common.
        given: The forms of the given columns, by input name.
        task: What has to be learned.
        rows: How many training rows there are.
        said: Options that `train` says beside ``network: auto``.
        work: Where to read, write, checkpoint and tell progress.
        seconds: Wall-clock budget; ``None``: one network after another, three minutes at most.
        most: The most trials.
        folds: In how many folds trials take training and validation rows together.
        columns: The given columns in the order of ``given``; left out, as the product declares them.
    """

    def __init__(
        self,
        template: Trial,
        given: Mapping[str, Form],
        task: Task,
        rows: int,
        said: Mapping[str, Any],
        work: Workspace,
        seconds: float | None,
        most: int | None = None,
        folds: Folds | None = None,
        columns: Sequence[str] | None = None,
    ) -> None:
        self._template, self._given, self._work = template, given, work
        self._task, self._output = task, task.output
        self._facts, self._folds = Facts(rows), folds or Folds()
        self._names = input_names(template.product.get("given", {}) if columns is None else columns)
        self._kinds = candidates(given, self._output, said)
        self._light = self._beside(said)
        if not self._kinds:
            raise TrainingError("none_suits", forms=", ".join(form.name for form in given.values()))
        self._budget = UNASKED_SECONDS if seconds is None else seconds
        self._is_asked, self._most = seconds is not None, most if most is not None else MOST_TRIALS
        self._tried: list[Tried] = []
        self._begun = time.monotonic()
        self._spent_before = 0.0
        self._studies: dict[str, Any] = {}
        self._open: dict[str, Any] = {}
        self._asked: Any = None

    def run(self) -> dict[str, Any]:
        """Search to the end; the chosen model's members are in the workspace. Returns what the artefact says of it.

        Raises:
            TrainingError: Not one trial came to its end.
        """
        self._resume()
        self._first()
        while (further := self._next()) is not None:
            self._try(*further)
        return self._chosen()

    def _beside(self, said: Mapping[str, Any]) -> tuple[str, ...]:
        """The columns of numbers and categories beside pictures, texts or series; networks that suit a table alone join
        the candidates on those.

        What pictures say is learned from many rows, what a table says from few: so a model of the table alone answers
        well by itself, and better still together with one of everything.
        """
        light = {name: form for name, form in self._given.items() if form.name in TABLE_FORMS}
        if not light or len(light) == len(self._given):
            return ()
        known = {kind.kind() for kind, _ in self._kinds}
        self._kinds += [pair for pair in candidates(light, self._output, said) if pair[0].kind() not in known]
        return tuple(column for column, name in self._names.items() if name in light)

    def _seen(self, kind: type[Network]) -> tuple[tuple[str, ...], Mapping[str, Form]]:
        """The columns that a network looks at, and their forms by input; no columns: all."""
        if self._light:
            table = {self._names[column]: self._given[self._names[column]] for column in self._light}
            if kind.suits(table) > kind.suits(self._given):
                return self._light, table
        return (), self._given

    def _resume(self) -> None:
        kept = self._work.checkpoint()
        if kept is None:
            return
        records = [Tried(**{**record, "columns": tuple(record["columns"])}) for record in kept[0]["tried"]]
        self._spent_before = float(kept[0]["spent"])
        for record in records:
            if record.state == "finished" and self._artefact(record) is None:
                continue  # its blobs are gone: it is tried again
            self._tried.append(record)
        if self._tried and self._tried[-1].state == "started":
            self._finish(self._tried.pop())
        if not self._finished():  # nothing to go on from: what failed is tried again, and tells why if it still does
            self._tried.clear()

    def _first(self) -> None:
        """Each network as its maker would set it, the best suited first; then the further proposals of each."""
        queue = self.contenders()
        done = sum(one.why == "first" for one in self._tried)
        for place, one in enumerate(queue):
            if place < done:
                continue
            left = self._left()
            if self._tried and (left < self._shortest() or self._is_perfect() or len(self._tried) >= self._most):
                return
            # Where nobody gives a time, the best suited network takes what it needs; a budget is shared out.
            is_shared = self._is_asked and len(queue) > 1
            share = min(left, first_slice(self._budget)) if is_shared else left
            # A first look at a network that is dear to build is one fold of it; what is worth more time has them all.
            is_look = is_shared and one.is_heavy
            self._try(one.kind, one.options, one.proposal, "first", share, 1 if is_look else one.folds)

    def contenders(self) -> list[Contender]:
        """Every network as its maker would set it, the best suited first; then the further proposals of each."""
        queue = [
            (turn, order, kind, options, proposal)
            for order, (kind, options) in enumerate(self._kinds)
            for turn, proposal in enumerate(
                kind(kind.Options(**options)).first(self._seen(kind)[1], self._output, self._facts)
            )
        ]
        queue.sort(key=lambda entry: entry[:2])
        return [
            Contender(kind, options, proposal, self._seen(kind)[0], self._folds_of(kind), self._is_heavy(kind))
            for _, _, kind, options, proposal in queue
        ]

    def _next(self) -> tuple[Any, ...] | None:
        """The next trial, or ``None`` where the time is up or no more would pay."""
        finished = self._finished()
        left = self._left()
        if not finished or self._is_perfect() or len(self._tried) >= self._most or left < self._shortest():
            return None
        for one in finished:  # even where another is better by now: it was stopped before it was what it can be
            most = self._folds_of(self._kind(one.network)[0])
            if not one.was_cut and one.folds == most:
                continue
            again = (*self._kind(one.network), Proposal(one.options, one.recipe), "longer", left)
            if one.folds < most and one.whole is not None and left >= _FOLDS_PAY * most * one.whole:
                if not any(other.network == one.network and other.folds == most for other in self._tried):
                    return (*again, most)
            elif one.was_cut:
                longest = max(
                    (other.slice or 0.0 for other in self._tried if other.network == one.network), default=0.0
                )
                if left > LONGER * longest:
                    return (*again, 1)
                break
        if not self._is_asked:
            return None
        return self._variation(finished, left)

    def _shortest(self) -> float:
        """The least time in which another trial is worth beginning: on a busy machine its start alone takes long."""
        idle = min((one.idle for one in self._tried if one.state == "finished"), default=0.0)
        return max(_SHORTEST_RUN, _OF_IDLE * idle)

    def _variation(self, finished: Sequence[Tried], left: float) -> tuple[Any, ...] | None:
        ranked = list(dict.fromkeys(one.network for one in finished))[:_VARIED]
        ranked.sort(key=lambda name: sum(one.why == "varied" and one.network == name for one in self._tried))
        for name in ranked:
            usual = float(np.median([one.seconds for one in finished if one.network == name]))
            if left < 1.1 * usual:
                continue
            kind, options = self._kind(name)
            seen = self._seen(kind)[1]
            proposal = kind(kind.Options(**options)).varied(self._draw(name), seen, self._output, self._facts)
            if proposal is None:
                continue
            return (kind, options, proposal, "varied", left, max(one.folds for one in finished if one.network == name))
        return None

    def _draw(self, network: str) -> Draw:
        """A draw from the network's space, by what was reached before."""
        study = self._study(network)
        for one in self._tried:
            if one.network == network and one.key in self._open and one.state != "started":
                self._tell(study, self._open.pop(one.key), one.loss)
        self._asked = study.ask()
        return cast("Draw", self._asked)

    def _study(self, network: str) -> Any:
        """What is known of a network's space: in memory, out of the trials that the store keeps; or, where
        SIXFOLD_STUDY names a database, shared by every machine that searches for the same product in the same rows."""
        import optuna

        if network in self._studies:
            return self._studies[network]
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        sampler = optuna.samplers.TPESampler(seed=self._template.seed, n_startup_trials=4)
        shared = os.environ.get("SIXFOLD_STUDY")
        if shared:
            name = f"{self._work.key[:16]}-{network}"
            try:
                study = optuna.create_study(storage=shared, study_name=name, sampler=sampler, load_if_exists=True)
            except Exception as error:  # SQLAlchemy and its drivers raise whatever they meet
                raise TrainingError("no_study", reason=type(error).__name__) from error
        else:
            study = optuna.create_study(sampler=sampler)
            for one in self._tried:
                if one.network == network and one.drawn and one.loss is not None:
                    spaces = {
                        name: optuna.distributions.json_to_distribution(text)
                        for name, text in one.drawn["spaces"].items()
                    }
                    study.add_trial(
                        optuna.trial.create_trial(params=one.drawn["values"], distributions=spaces, value=one.loss)
                    )
        self._studies[network] = study
        return study

    def _tell(self, study: Any, asked: Any, loss: float | None) -> None:
        import optuna

        if loss is None:
            study.tell(asked, state=optuna.trial.TrialState.FAIL)
        else:
            study.tell(asked, loss)

    def _drawn(self) -> dict[str, Any]:
        import optuna

        spaces = self._asked.distributions.items()
        return {
            "values": dict(self._asked.params),
            "spaces": {name: optuna.distributions.distribution_to_json(space) for name, space in spaces},
        }

    def _try(
        self,
        kind: type[Network],
        options: Mapping[str, Any],
        proposal: Proposal,
        why: Any,
        share: float,
        folds: int,
    ) -> None:
        name = kind.kind()
        number = 1 + sum(one.network == name for one in self._tried)
        settings = {**options, **proposal.options}
        recipe = dict(proposal.recipe)
        key = digest_of_value([self._work.key, len(self._tried), name, settings, recipe, why])
        drawn = {}
        if why == "varied":
            self._open[key], drawn = self._asked, self._drawn()
        columns = self._seen(kind)[0]
        trial = Tried(
            f"{name} {number}",
            name,
            key,
            why,
            settings,
            recipe,
            drawn,
            slice=round(share, 1),
            columns=columns,
            folds=folds,
        )
        self._tried.append(trial)
        self._keep()
        self._work.note(
            f"train.trial_{why}", number=len(self._tried), network=kind.title, name=trial.name, seconds=round(share)
        )
        self._finish(self._tried.pop())

    def _finish(self, trial: Tried) -> None:
        """Run a trial to its end, or go on with one that was interrupted."""
        begun = time.monotonic()
        # Once there is something to answer with, no trial may keep it waiting: on a busy machine one may take far
        # longer than it was given.
        has_some = self._is_asked and any(one.state == "finished" for one in self._tried)
        most = max(1.0, self._left() + _LATE * self._budget) if has_some else None
        reserve = max([6.0, *(1.3 * one.overhead for one in self._tried if one.network == trial.network)])
        said = {**trial.recipe, **self._template.said}
        try:
            result = run_trial(
                self._template.model_copy(
                    update={
                        "key": trial.key,
                        "network": trial.network,
                        "options": {**trial.options},
                        "columns": trial.columns,
                        "said": said,
                        "seconds": trial.slice,
                        "reserve": min(reserve, 0.4 * (trial.slice or reserve)),
                        "seed": self._template.seed + len(self._tried),
                        "folds": trial.folds,
                    }
                ),
                self._work.listener,
                most,
            )
        except TrainingError as error:
            seconds = round(time.monotonic() - begun, 2)
            self._tried.append(replace(trial, state="failed", seconds=seconds, reason=error.code))
            self._work.note("train.trial_failed", name=trial.name, reason=error)
            self._last_error = error
            self._keep()
            return
        self._work.store.keep("trial", trial.key, result.about, dict(result.stored()))
        self._work.store.drop_slot(trial.key)
        self._tried.append(self._measured(trial, result.about, time.monotonic() - begun))
        self._compare()
        self._keep()

    def _folds_of(self, kind: type[Network]) -> int:
        """In how many folds a network takes its rows where the time allows."""
        if issubclass(kind, Fitted):
            return self._folds.fitted
        return self._folds.heavy if self._is_heavy(kind) else self._folds.light

    def _is_heavy(self, kind: type[Network]) -> bool:
        """Whether a network is trained in steps on pictures, texts or series."""
        seen = self._seen(kind)[1]
        return not issubclass(kind, Fitted) and any(form.name not in TABLE_FORMS for form in seen.values())

    def _measured(self, trial: Tried, about: Mapping[str, Any], seconds: float) -> Tried:
        from safetensors.numpy import load

        artefact = self._artefact(trial)
        assert artefact is not None
        judged = 0
        if "validation.safetensors" in artefact.members:
            judged = len(load(self._work.read(artefact, "validation.safetensors"))["targets"])
        return replace(
            trial,
            loss=about.get("validation"),
            state="finished",
            seconds=round(seconds, 2),
            figure=about.get("figure"),
            parameters=about.get("parameters"),
            was_cut=bool(about.get("was_cut")),
            overhead=float(about.get("export_seconds", 1.0)) + 1.0,
            whole=about.get("whole_seconds"),
            idle=max(0.0, seconds - float(about.get("seconds") or 0.0)),
            judged=judged,
        )

    def _compare(self) -> None:
        """Measure every finished trial on the rows that all of them held out."""
        known = [one for one in self._tried if one.state == "finished" and one.judged]
        losses = dict(zip((one.name for one in known), self._losses(known), strict=True))
        self._tried = [
            replace(one, loss=float(losses[one.name].mean())) if one.name in losses else one for one in self._tried
        ]

    def _chosen(self) -> dict[str, Any]:
        finished = self._finished()
        if not finished:
            raise self._last_error
        finished = self._worth_mixing(finished)
        members, weights, gain = self._mixed(finished)
        if any(self._is_folded(one) for one in members):  # it learned from validation rows too: its folds judge it
            self._write_held_out(members, weights)
        if len(members) == 1:
            about = self._take_one(members[0])
            why = "perfect" if self._is_perfect() else "best"
        else:
            about = self._take_several(members, weights)
            why = "mixture" if gain > 0 else "few"
        best = finished[0]
        about |= {
            "search": [one.to_report() for one in self._tried],
            "ensemble": [
                {"trial": one.name, "weight": round(float(weight), 4)}
                for one, weight in zip(members, weights, strict=True)
            ],
            "why": {"key": why, "best": best.name, "gain": gain, "seconds": round(self._spent(), 1)},
        }
        if (rival := self._rival(members, finished)) is not None:
            artefact = self._artefact(rival)
            assert artefact is not None
            self._work.members["rival.onnx"] = artefact.members["graph.onnx"]
            about["rival"] = {"trial": rival.name, "network": rival.network}
        for one in self._tried:
            self._work.store.drop("trial", one.key)
        self._work.drop_checkpoint()
        return about

    def _worth_mixing(self, finished: Sequence[Tried]) -> list[Tried]:
        """Of the finished trials, those that held out every row, and those that could not but came to their end.

        Many rows tell apart what few cannot. A first look that the clock cut, or that all folds followed, is left out,
        unless it beats the best of the others by two standard errors on the rows that all held out.
        """
        most = max(one.judged for one in finished)
        followed = {one.network for one in finished if one.judged == most}
        kept = [one for one in finished if one.judged == most or not (one.was_cut or one.network in followed)]
        if len(kept) == len(finished):
            return list(finished)
        losses = dict(zip((one.name for one in finished), self._losses(finished), strict=True))
        gaps = [losses[kept[0].name] - losses[one.name] for one in finished if one not in kept]
        if any(gap.mean() > _SURE * gap.std() / np.sqrt(len(gap)) for gap in gaps):
            return list(finished)
        names = {one.name for one in kept}
        self._tried = [
            one if one.state != "finished" or one.name in names else replace(one, state="looked") for one in self._tried
        ]
        self._compare()
        return self._finished()

    def _losses(self, trials: Sequence[Tried]) -> list[Array]:
        """Of each of some trials the loss of each row that all of them held out (n,): calibrated, or as the task
        compares models with each other."""
        held = [self._validation(one) for one in trials]
        compared = self._task.comparable([outputs for outputs, _ in held], held[0][1]) if held else None
        if compared is not None:
            return [loss_of_rows(outputs, compared[1], "linear") for outputs in compared[0]]
        activation = self._output.activation
        return [
            loss_of_rows(
                calibrated(outputs, temperature_of(outputs, targets, activation), activation), targets, activation
            )
            for outputs, targets in held
        ]

    def _rival(self, members: Sequence[Tried], finished: Sequence[Tried]) -> Tried | None:
        """Where one that answers began with a preset, the best model without: the report compares them on test rows."""
        begun = {kind.kind() for kind, _ in self._kinds if kind.needs}
        if not any(one.network in begun for one in members):
            return None
        return next((one for one in finished if one.network not in begun), None)

    def _mixed(self, finished: Sequence[Tried]) -> tuple[list[Tried], list[float], float]:
        """Which models to serve, with which weights; and by which share their mixture lowers the best one's loss."""
        alone = ([finished[0]], [1.0], 0.0)
        if len(finished) == 1 or not all(one.judged for one in finished) or self._is_perfect():
            return alone
        if self._output.form == "arms":  # the loss of effects knows only rows that both arms had: too few to weigh by
            return alone
        activation = self._output.activation
        outputs = []
        for one in finished:
            raw, targets = self._validation(one)
            outputs.append(calibrated(raw, temperature_of(raw, targets, activation), activation))
        found = mixture(outputs, targets, activation)
        gain = 1 - found.loss / max(min(found.alone), 1e-12)
        kept = [index for index in range(len(finished)) if found.weights[index] > 0]
        # On a few rows the best one alone always looks better than it is; several err less together.
        is_table = all(form.name in TABLE_FORMS for form in self._given.values())
        pays = _PAYS_ON_TABLES if is_table else _PAYS
        if len(kept) == 1 or (gain < pays and len(targets) >= _PERFECT_ROWS):
            return alone
        return [finished[index] for index in kept], [float(found.weights[index]) for index in kept], round(gain, 4)

    def _write_held_out(self, members: Sequence[Tried], weights: Sequence[float]) -> None:
        from safetensors.numpy import save

        activation, parts = self._output.activation, []
        for one, weight in zip(members, weights, strict=True):
            outputs, targets = self._validation(one)
            if len(members) > 1:
                outputs = calibrated(outputs, temperature_of(outputs, targets, activation), activation)
            parts.append(weight * outputs)
        held_out = {"outputs": np.ascontiguousarray(np.sum(parts, axis=0), np.float32), "targets": targets}
        self._work.write("held_out.safetensors", save(held_out))

    def _take_one(self, trial: Tried) -> dict[str, Any]:
        artefact = self._artefact(trial)
        assert artefact is not None
        self._work.members.update(
            {name: member for name, member in artefact.members.items() if name != "validation.safetensors"}
        )
        return dict(artefact.about)

    def _take_several(self, members: Sequence[Tried], weights: Sequence[float]) -> dict[str, Any]:
        artefacts = [artefact for one in members if (artefact := self._artefact(one)) is not None]
        activation = self._output.activation
        temperatures = [temperature_of(*self._validation(one), activation) for one in members]
        graphs = [self._work.read(artefact, "graph.onnx") for artefact in artefacts]
        self._work.write("graph.onnx", merged(graphs, weights, temperatures, activation))
        networks = [self._work.read_json(artefact, "network.json") for artefact in artefacts]
        heaviest = int(np.argmax(weights))
        for index, artefact in enumerate(artefacts):
            if "weights.safetensors" in artefact.members:
                self._work.members[f"weights-{index}.safetensors"] = artefact.members["weights.safetensors"]
        self._work.members["history.json"] = artefacts[heaviest].members["history.json"]
        versions: dict[str, Any] = {}
        for network in networks:
            versions |= network["versions"]
        described = {
            **networks[heaviest],
            "kind": "ensemble",
            "versions": versions,
            "members": [
                {**network, "weight": weight, "temperature": temperature}
                for network, weight, temperature in zip(networks, weights, temperatures, strict=True)
            ],
        }
        self._work.write_json("network.json", described)
        abouts = [artefact.about for artefact in artefacts]
        return {
            **abouts[heaviest],
            "network": " + ".join(dict.fromkeys(one.network for one in members)),
            "parameters": sum(int(about.get("parameters") or 0) for about in abouts),
            "seconds": round(sum(float(about.get("seconds") or 0.0) for about in abouts), 3),
        }

    def _is_perfect(self) -> bool:
        """Whether the best model has every validation row right and surely so: then no more can be measured here."""
        finished = self._finished()
        if self._output.activation == "linear" or not all(one.judged for one in finished):
            return False
        if not finished or finished[0].loss is None or finished[0].figure is None:
            return False
        rows = len(self._validation(finished[0])[1])
        best = finished[0]
        assert best.figure is not None
        assert best.loss is not None
        return rows >= _PERFECT_ROWS and best.figure["value"] == 1.0 and best.loss < _PERFECT_LOSS

    def _finished(self) -> list[Tried]:
        """The trials that came to their end, the best first."""
        done = [one for one in self._tried if one.state == "finished"]
        return sorted(done, key=lambda one: np.inf if one.loss is None else one.loss)

    def _validation(self, trial: Tried) -> tuple[Array, Array]:
        """What a trial answered for rows that it did not learn from (n, units), and their targets; for the same rows
        whichever trial is asked: those in folds alone held out training rows as well."""
        from safetensors.numpy import load

        artefact = self._artefact(trial)
        assert artefact is not None
        tensors = load(self._work.read(artefact, "validation.safetensors"))
        rows = min(one.judged for one in self._tried if one.state == "finished" or one is trial)
        return tensors["outputs"][-rows:], tensors["targets"][-rows:]

    def _is_folded(self, trial: Tried) -> bool:
        artefact = self._artefact(trial)
        return artefact is not None and int(artefact.about.get("folds", 1)) > 1

    def _artefact(self, trial: Tried) -> Artefact | None:
        return self._work.store.made("trial", trial.key)

    def _kind(self, name: str) -> tuple[type[Network], dict[str, Any]]:
        return next((kind, options) for kind, options in self._kinds if kind.kind() == name)

    def _spent(self) -> float:
        return self._spent_before + time.monotonic() - self._begun

    def _left(self) -> float:
        return self._budget - self._spent()

    def _keep(self) -> None:
        self._work.save_checkpoint({"tried": [asdict(one) for one in self._tried], "spent": self._spent()}, b"")
