"""One process of a layer under ``tf.distribute``: all replicas of ``MirroredStrategy``, or one worker of several.

The strategies are set up as TensorFlow's guide says: two logical CPU devices, or ``TF_CONFIG`` with one address a
worker, read when the strategy is made.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bn_impls.interface import Configuration, Conventions
from bn_impls.isolation.serving import serve

MAKERS = {"keras": "bn_impls.variants.keras_layer", "tf-manual": "bn_impls.variants.tf_manual"}


class Server:
    """Answers with arrays in NPZ files, as ``bn_impls.replicas.layer`` asks."""

    def do_start(
        self, name: str, strategy: str, synchronized: bool, settings: Mapping[str, Any], addresses: Sequence[str],
        index: int,
    ) -> dict[str, Any]:  # fmt: skip
        """Make the strategy, and the layer in its scope."""
        if strategy == "multi_worker":
            task = {"type": "worker", "index": index}
            os.environ["TF_CONFIG"] = json.dumps({"cluster": {"worker": list(addresses)}, "task": task})
        from importlib import import_module

        import tensorflow as tf

        from bn_impls.variants.tensorflow_variants import mirrored

        self.tf, self.index = tf, index
        self.strategy = tf.distribute.MultiWorkerMirroredStrategy() if strategy == "multi_worker" else mirrored()
        found = import_module(MAKERS[name])
        chosen = Configuration(**{**settings, "conventions": Conventions(**settings["conventions"])})
        with self.strategy.scope():
            self.layer = (found.synchronized if synchronized else found.FAMILY.make)(chosen)
        self.train, self.infer = tf.function(self._train), tf.function(self._infer)
        return {"status": "ok", "replicas": self.strategy.num_replicas_in_sync}

    def do_train(self, arrays: str, results: str) -> dict[str, Any]:
        """One training call with gradients; what this process's replicas computed, in order.

        ``dgamma`` and ``dbeta`` are summed over all replicas; ``part_dgamma`` and ``part_dbeta`` are each one's own.
        """
        given = np.load(arrays, allow_pickle=False)
        began = time.perf_counter_ns()
        y, dx, *parameters = self.train(self._parts(given["x"]), self._parts(given["dy"]))
        found = {"y": self._own(y), "dx": self._own(dx)}
        took = time.perf_counter_ns() - began
        names = ("dgamma", "dbeta", "part_dgamma", "part_dbeta")
        found |= {name: self._own(value) for name, value in zip(names, parameters, strict=True)}
        np.savez(results, allow_pickle=False, **found)
        return {"status": "ok", "took_ns": took}

    def do_infer(self, arrays: str, results: str) -> dict[str, Any]:
        """Inference of this process's replicas."""
        given = np.load(arrays, allow_pickle=False)
        np.savez(results, allow_pickle=False, y=self._own(self.infer(self._parts(given["x"]))))
        return {"status": "ok"}

    def do_state(self, results: str) -> dict[str, Any]:
        """Every variable as each of this process's replicas reads it."""
        counts = ("num_updates",) if hasattr(self.layer, "num_updates") else ()
        names = ("gamma", "beta", "moving_mean", "moving_variance", *counts)
        read = self.tf.function(
            lambda: self.strategy.run(lambda: [self.tf.identity(getattr(self.layer, name)) for name in names])
        )
        np.savez(results, allow_pickle=False, **dict(zip(names, map(self._own, read()), strict=True)))
        return {"status": "ok"}

    def do_load(self, arrays: str) -> dict[str, Any]:
        """Set every variable on all replicas."""
        given = np.load(arrays, allow_pickle=False)
        with self.strategy.scope():
            for name in given.files:
                getattr(self.layer, name).assign(given[name])
        return {"status": "ok"}

    def do_save(self, folder: str, results: str) -> dict[str, Any]:
        """``tf.train.Checkpoint`` of the layer, by every process into a folder of its own; and what it holds."""
        path = self.tf.train.Checkpoint(layer=self.layer).write(
            str(Path(folder) / f"process-{self.index}" / "checkpoint")
        )
        reader = self.tf.train.load_checkpoint(path)
        held = {}
        for key in reader.get_variable_to_shape_map():
            for name in ("moving_mean", "moving_variance"):
                if f"/{name}/" in key:
                    held[name] = reader.get_tensor(key)
        np.savez(results, allow_pickle=False, **held)
        return {"status": "ok"}

    # ---- on the replicas --------------------------------------------------------------------------------------------

    def _train(self, x: Any, dy: Any) -> Any:
        def replica(x: Any, dy: Any) -> Any:
            tf = self.tf
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = self.layer(x, training=True)
            dx, *parameters = tape.gradient(y, [x, self.layer.gamma, self.layer.beta], output_gradients=dy)
            reduced = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, parameters)
            return y, dx, *reduced, *parameters

        return self.strategy.run(replica, args=(x, dy))

    def _infer(self, x: Any) -> Any:
        return self.strategy.run(lambda part: self.layer(part, training=False), args=(x,))

    def _parts(self, whole: Any) -> Any:
        count = self.strategy.num_replicas_in_sync
        parts = np.split(whole, count)
        return self.strategy.experimental_distribute_values_from_function(
            lambda context: self.tf.constant(parts[context.replica_id_in_sync_group])
        )

    def _own(self, value: Any) -> Any:
        """Results of this process's replicas, one after the other along a new first axis."""
        return np.stack([part.numpy() for part in self.strategy.experimental_local_results(value)])


if __name__ == "__main__":
    serve(Server(), parent=int(sys.argv[1]))
