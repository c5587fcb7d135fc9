"""Run folders made by hand: single records by value, and a whole run that looks like a real one."""

from __future__ import annotations

import hashlib
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

QUANTITIES = (
    "output_training",
    "output_inference",
    "gradient_input",
    "gradient_gamma",
    "gradient_beta",
    "moving_mean",
    "moving_variance",
)
IMPLEMENTATIONS = ("numpy-reference", "tf-manual", "keras")
STYLES = {"numpy-reference": ("eager",), "tf-manual": ("graph", "xla"), "keras": ("graph", "eager")}
SHAPES = ([32, 32], [256, 256], [32, 56, 56, 64], [100, 75, 75, 8])
ENVIRONMENT = {
    "cpu_model": "Example CPU, 2.6 GHz",
    "cores": 2,
    "memory_gib": 24.0,
    "operating_system": "Linux 6.1",
    "python": "3.11.9",
    "versions": {"numpy": "2.4.6", "tensorflow": "2.21.0", "keras": "3.15.1"},
    "threads": {"OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "PASSIVE"},
    "gpu": None,
    "gpu_reason": "no NVIDIA driver",
    "commit": "0123456789abcdef",
}
Json = dict[str, Any]


def record(axis: str, implementation: str, case: Mapping[str, Any], status: str = "ok", **fields: Any) -> Json:
    """One record; ``case_id`` is made of its parameters."""
    parameters = ",".join(f"{key}={value}" for key, value in case.items())
    return {
        "schema": 1,
        "run": "synthetic",
        "case_id": f"{axis}/{implementation}/{parameters}",
        "axis": axis,
        "implementation": implementation,
        "case": dict(case),
        "status": status,
        "reason": None,
        "metrics": {},
        "samples": {},
        "labels": {"device": {"claimed": "cpu", "observed": "cpu", "evidence": "device of the output tensor"}},
        "versions": {"numpy": "2.4.6"},
    } | fields


def layer_case(shape: Sequence[int] = (32, 32), style: str = "graph", **changes: Any) -> Json:
    """The parameters that agreement and throughput of a layer share."""
    layout = "NC" if len(shape) == 2 else "NHWC"
    return {
        "shape": list(shape),
        "layout": layout,
        "dtype": "float32",
        "style": style,
        "device": "cpu",
    } | changes


def agreement(
    implementation: str,
    over_bound: float = 0.25,
    status: str = "ok",
    case: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Json:
    """An agreement record whose worst quantity, the moving variance, has this error over its bound."""
    conventions = {
        "steps": 5,
        "input": "normal",
        "decay": 0.9,
        "epsilon": 1e-3,
        "ddof": 0,
        "warm_up": False,
        "initial_mean": 0.0,
        "initial_variance": 1.0,
        "seed": 0,
    }
    metrics: Json = {"worst_error_over_bound": over_bound, "worst_quantity": "moving_variance"}
    metrics |= {"limit_over_bound": 4.0, "num_updates": 5}
    for place, quantity in enumerate(reversed(QUANTITIES)):
        over = over_bound / (1 + place)
        metrics[f"{quantity}_error_over_bound"] = over
        metrics[f"{quantity}_error_over_limit"] = over / 4
        metrics[f"{quantity}_error_ulp"] = 8 * over
        metrics[f"{quantity}_error_abs"] = 1e-7 * over
        metrics[f"{quantity}_error_rel"] = 1e-7 * over
    parameters = {**layer_case(), **conventions, **(case or {})}
    return record("agreement", implementation, parameters, status, metrics=metrics, **fields)


def throughput(
    implementation: str,
    minima: Mapping[tuple[int, int], float],
    work: str = "training_forward_backward",
    case: Mapping[str, Any] | None = None,
    loops: int = 10,
    **fields: Any,
) -> Json:
    """A throughput record.

    Args:
        implementation: whose speed it is.
        minima: (round, pass) -> shortest ns per call in that pass.
        work: the kind of work.
        case: parameters that differ from those of a small dense layer.
        loops: calls per sample.
        **fields: other fields of the record.
    """
    passes = [
        {
            "round": place[0],
            "pass": place[1],
            "loops": loops,
            "durations_ns": [round(shortest * loops * slower) for slower in (1.5, 1.0, 1.2)],
        }
        for place, shortest in minima.items()
    ]
    metrics = {
        "step_ns_min": min(minima.values()),
        "step_ns_median": float(np.median(list(minima.values()))),
        "build_s": 0.12,
        "first_call_s": 0.8,
        "peak_rss_mib": 512.0,
        "threads_used": 2,
    }
    parameters = {"work": work, **layer_case(), **(case or {})}
    return record("throughput", implementation, parameters, metrics=metrics, samples={"passes": passes}, **fields)


def convergence(
    implementation: str,
    folder: Path,
    arrays: Mapping[str, Sequence[float]],
    split: int | None = None,
    **case: Any,
) -> Json:
    """A convergence record, its curves written beside it."""
    name, digest = write_curves(folder, arrays)
    parameters = {
        "network": "000",
        "batch_norm": True,
        "dataset": "mnist-5000",
        "train_size": 4000,
        "validation_size": 500,
        "test_size": 500,
        "epochs": 10,
        "batch_size": 32,
        "optimizer": "adam",
        "learning_rate": 0.01,
        "seed": 0,
        "dtype": "float32",
        "style": "graph",
        "device": "cpu",
    } | case
    metrics = {
        "final_test_loss": 0.2104,
        "final_test_accuracy": 0.9412,
        "final_validation_loss": 0.2051,
        "final_validation_accuracy": 0.944,
        "first_split_step": split,
        "split_threshold_rel": 1e-3,
        "split_difference_rel": None if split is None else 0.0013,
        "final_train_loss": 0.01,
        "max_loss_difference_rel": 4e-4 if split is None else 0.4,
        "steps": len(arrays.get("step_loss", ())) or 1250,
    }
    samples = {"file": name, "sha256": digest, "arrays": list(arrays)}
    return record("convergence", implementation, parameters, metrics=metrics, samples=samples)


def checkpoint(implementation: str, metrics: Mapping[str, Any] | None = None, **case: Any) -> Json:
    """A checkpoint record that brings everything back, unless told otherwise."""
    parameters = {
        "format": "keras",
        "network": "000",
        "dataset": "mnist-5000",
        "steps_before": 100,
        "steps_after": 50,
        "seed": 0,
        "dtype": "float32",
        "style": "graph",
        "device": "cpu",
    } | case
    everything = {
        "inference_bitwise": True,
        "inference_error_ulp": 0.0,
        "moving_mean_error_ulp": 0.0,
        "moving_variance_error_ulp": 0.0,
        "weights_error_ulp": 0.0,
        "optimizer_error_ulp": 0.0,
        "num_updates_saved": 100,
        "num_updates_restored": 100,
        "optimizer_step_saved": 100,
        "optimizer_step_restored": 100,
        "resumed_bitwise": True,
        "resumed_first_difference_step": None,
        "resumed_loss_difference_abs": 0.0,
        "save_s": 0.021,
        "restore_s": 0.034,
        "size_bytes": 345_678,
    }
    return record("checkpoint", implementation, parameters, metrics=everything | dict(metrics or {}))


def write_curves(folder: Path, arrays: Mapping[str, Sequence[float]]) -> tuple[str, str]:
    """Write arrays as the harness does: named by the first digits of their hash."""
    buffer = io.BytesIO()
    np.savez(buffer, **{name: np.asarray(values, dtype=np.float64) for name, values in arrays.items()})  # type: ignore[arg-type]
    content = buffer.getvalue()
    digest = hashlib.sha256(content).hexdigest()
    (folder / "curves").mkdir(parents=True, exist_ok=True)
    (folder / "curves" / f"{digest[:16]}.npz").write_bytes(content)
    return f"curves/{digest[:16]}.npz", digest


def write_run(
    folder: Path,
    records: Iterable[Json],
    settings: Mapping[str, Any] | None = None,
    also_planned: Iterable[Json] = (),
    environment: Mapping[str, Any] = ENVIRONMENT,
) -> Path:
    """Write a run folder; every record is planned, and so is whatever else is named."""
    folder.mkdir(parents=True, exist_ok=True)
    records = list(records)
    keys = ("case_id", "axis", "implementation", "case")
    plan = {
        "schema": 1,
        "run": "synthetic",
        "created": "2026-03-01T12:00:00+00:00",
        "settings": {"quick": False, "full": False, "device": "cpu", "dataset": "mnist-5000"} | dict(settings or {}),
        "cases": [{key: entry[key] for key in keys} for entry in [*records, *also_planned]],
    }
    (folder / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    lines = [json.dumps(entry) + "\n" for entry in records]
    (folder / "records.jsonl").write_text("".join(lines), encoding="utf-8")
    (folder / "environment.json").write_text(json.dumps(environment), encoding="utf-8")
    return folder


# --- a run that looks like a real one ---------------------------------------------------------------------------

COST_NS = {  # fixed cost of a call and cost of an element, by implementation and style
    ("numpy-reference", "eager"): (60_000, 9.0),
    ("tf-manual", "graph"): (95_000, 2.4),
    ("tf-manual", "xla"): (42_000, 1.1),
    ("keras", "graph"): (70_000, 1.45),
    ("keras", "eager"): (640_000, 1.9),
}
WORK_SHARE = {"inference": 0.4, "training_forward_backward": 1.0}


def realistic(folder: Path, rounds: int = 3, passes: int = 8) -> Path:
    """Three implementations on four axes, with ties, a split, a lost step counter and unsupported cases."""
    random = np.random.default_rng(7)
    folder.mkdir(parents=True, exist_ok=True)
    records = [
        *_agreements(random),
        *_throughputs(random, rounds, passes),
        *_convergences(random, folder),
        *_checkpoints(),
        *_unmeasured(),
    ]
    return write_run(folder, records, {"axes": ["agreement", "throughput", "convergence", "checkpoint"]})


def _agreements(random: np.random.Generator) -> list[Json]:
    size = {"numpy-reference": 0.0, "tf-manual": 0.42, "keras": 0.2}
    records = []
    for implementation in IMPLEMENTATIONS:
        for style in STYLES[implementation]:
            for shape in SHAPES:
                base = agreement(implementation, case=layer_case(shape, style))
                for quantity in QUANTITIES:
                    over = size[implementation] * float(random.lognormal(-0.8, 0.5))
                    base["metrics"][f"{quantity}_error_over_bound"] = over
                    base["metrics"][f"{quantity}_error_over_limit"] = over / 4
                    base["metrics"][f"{quantity}_error_ulp"] = over * float(random.uniform(3, 12))
                worst = max(QUANTITIES, key=lambda q: base["metrics"][f"{q}_error_over_bound"])
                base["metrics"]["worst_quantity"] = worst
                base["metrics"]["worst_error_over_bound"] = base["metrics"][f"{worst}_error_over_bound"]
                base["case"] |= {"warm_up": implementation == "tf-manual"}
                base["case"] |= {"initial_variance": 0.0 if implementation == "tf-manual" else 1.0}
                records.append(base)
    return records


def _throughputs(random: np.random.Generator, rounds: int, passes: int) -> list[Json]:
    records = []
    drift = {(r, p): float(random.lognormal(0, 0.15)) for r in range(rounds) for p in range(passes)}
    for work, share in WORK_SHARE.items():
        for shape in SHAPES:
            for (implementation, style), (fixed, element) in COST_NS.items():
                cost = share * (fixed + element * math.prod(shape))
                process = {r: float(random.lognormal(0, 0.02)) for r in range(rounds)}
                minima = {
                    place: cost * drift[place] * process[place[0]] * float(random.lognormal(0, 0.01)) for place in drift
                }
                entry = throughput(implementation, minima, work, layer_case(shape, style))
                entry["metrics"]["first_call_s"] = {"xla": 3.4, "graph": 0.6}.get(style, 0.01)
                entry["metrics"]["build_s"] = float(random.uniform(0.01, 0.4))
                entry["metrics"]["peak_rss_mib"] = 180.0 if implementation.startswith("numpy") else 690.0
                records.append(entry)
    for implementation, cost in (("numpy-reference", 410e3), ("tf-manual", 93e3), ("keras", 94e3)):
        minima = {place: cost * drift[place] * float(random.lognormal(0, 0.02)) for place in drift}
        style = "eager" if implementation.startswith("numpy") else "graph"
        case = {"shape": None, "layout": None, "style": style, "network": "000", "batch_size": 32}
        records.append(throughput(implementation, minima, "network_training_step", case))
    return records


def _convergences(random: np.random.Generator, folder: Path) -> list[Json]:
    records = []
    steps, epochs = 1250, 10
    for batch_norm in (True, False):
        fall = 0.9 if batch_norm else 0.55
        reference = 2.3 * np.exp(-fall * np.arange(steps) / 125) + 0.08 + 0.05 * random.random(steps)
        for implementation in IMPLEMENTATIONS:
            growth = {"numpy-reference": 0.0, "tf-manual": 0.0042, "keras": 0.0102}[implementation]
            apart = 2e-7 * np.exp(growth * np.arange(steps)) * (growth > 0)
            loss = reference * (1 + apart * random.choice([-1, 1], steps) * random.random(steps))
            difference = np.abs(loss - reference) / reference
            beyond = np.flatnonzero(difference > 1e-3)
            arrays: dict[str, Any] = {"step_loss": loss, "reference_step_loss": reference}
            wiggle = 0.004 * random.standard_normal(epochs) * (growth > 0)
            for part, gap in (("train", 0.0), ("validation", 0.09)):
                level = 2.0 * np.exp(-fall * np.arange(1, epochs + 1)) + 0.05 + gap + wiggle
                right = 1 - 0.18 * level
                for mode in ("moving", "batch") if batch_norm else ("moving",):
                    lag = 0.35 * np.exp(-0.7 * np.arange(epochs)) if mode == "moving" and batch_norm else 0.0
                    arrays[f"{part}_loss_{mode}"] = level + lag
                    arrays[f"{part}_accuracy_{mode}"] = right - 0.12 * lag
            split = int(beyond[0]) if len(beyond) else None
            style = "eager" if implementation.startswith("numpy") else "graph"
            entry = convergence(implementation, folder, arrays, split, batch_norm=batch_norm, style=style)
            entry["metrics"] |= {
                "final_test_accuracy": (0.9392 if batch_norm else 0.9178) + float(random.normal(0, 0.001)),
                "final_test_loss": (0.2104 if batch_norm else 0.3371) + float(random.normal(0, 0.003)),
                "max_loss_difference_rel": float(difference.max()),
                "split_difference_rel": None if split is None else float(difference[split]),
            }
            records.append(entry)
    return records


def _checkpoints() -> list[Json]:
    return [
        checkpoint("numpy-reference", format="npz", style="eager"),
        checkpoint(
            "tf-manual",
            {"optimizer_step_restored": 0, "resumed_bitwise": False, "resumed_first_difference_step": 1,
             "resumed_loss_difference_abs": 0.0231},
            format="tf-checkpoint",
        ),
        checkpoint("keras", {"save_s": 0.086, "restore_s": 0.141, "size_bytes": 1_345_678}),
    ]  # fmt: skip


def _unmeasured() -> list[Json]:
    gpu = [
        record("throughput", who, {"work": "inference"} | layer_case(shape, style, device="gpu"), "no_device",
               reason="no NVIDIA driver is visible")
        for who in ("tf-manual", "keras")
        for shape in SHAPES
        for style in ("graph",)
    ]  # fmt: skip
    return [
        *gpu,
        record("agreement", "numpy-reference", layer_case(style="xla"), "unsupported", reason="NumPy has no compiler"),
        record("throughput", "keras", {"work": "inference"} | layer_case([8192, 100], "xla"), "timed_out",
               reason="no answer within 60 s"),
    ]  # fmt: skip


def crowd(folder: Path) -> Path:
    """10,000 records: ten implementations in four styles, many inputs, seeds and formats."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(11)
    names = [f"implementation-{number}" for number in range(9)] + ["keras"]
    styles = ("graph", "eager", "xla", "session")
    shapes = [[2**power, 8 * extra] for power in range(3, 13) for extra in (1, 5)]
    layers = [(who, style, shape) for who in names for style in styles for shape in shapes]
    records: list[Json] = []
    for seed in range(5):
        for who, style, shape in layers:
            over = float(random.lognormal(-1.2, 0.6))
            a_step = {measure: [over / step for step in range(1, 9)] for measure in ("abs", "rel", "ulp", "over_bound")}
            samples = {"steps": {quantity: a_step for quantity in QUANTITIES}, "durations_ns": [1_500_000] * 8}
            records.append(agreement(who, over, case=layer_case(shape, style, seed=seed), samples=samples))
    speed = {who: float(random.uniform(0.6, 2.0)) for who in names}
    for work in ("inference", "training_forward", "training_forward_backward"):
        for who, style, shape in layers:
            cost = 1e4 * speed[who] * (1 + styles.index(style)) + math.prod(shape)
            minima = {(r, p): cost * float(random.lognormal(0, 0.03)) for r in range(3) for p in range(8)}
            records.append(throughput(who, minima, work, layer_case(shape, style)))
    loss = np.exp(-np.arange(1250) / 300) + 0.1 * random.random(1250)
    epochs = np.exp(-np.arange(10) / 3)
    arrays = {"step_loss": loss * (1 + 1e-5), "reference_step_loss": loss, "validation_loss_moving": epochs}
    arrays |= {"validation_accuracy_moving": 1 - epochs / 5, "validation_accuracy_batch": 1 - epochs / 6}
    for seed in range(90):
        for who in names:
            for batch_norm in (True, False):
                records.append(convergence(who, folder, arrays, batch_norm=batch_norm, seed=seed))
    records += [checkpoint(who, format=f"format-{n}", seed=n) for n in range(180) for who in names]
    return write_run(folder, records)
