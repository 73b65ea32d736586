"""CompiledMLP: the layers of a network, run by compiled kernels."""

import os
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from sparsekit._parallel import effective_n_jobs, run_blocks, single_blas_thread
from sparsekit.pruning._engine._calibrate import measured_plan, random_inputs
from sparsekit.pruning._engine._files import read_state, write_state
from sparsekit.pruning._engine._int8 import Int8Runner
from sparsekit.pruning._engine._onnx import to_onnx
from sparsekit.pruning._engine._out_kernels import OUT_KERNELS
from sparsekit.pruning._engine._packed import pack_layer, unpack_layer
from sparsekit.pruning._engine._planner import make_plan
from sparsekit.pruning._engine._quantize import in_half_precision
from sparsekit.pruning._engine._read import as_rows, read_layers, read_model
from sparsekit.pruning._engine._runner import FloatRunner


class CompiledMLP:
    """A multilayer perceptron whose layers run in compiled kernels, in float32.

    Called on X of (batch, inputs) it returns the outputs: probabilities, rates or predicted
    targets, as the output's activation makes them. Layers whose weights are mostly zero are stored
    and run without their zeros. Make one with `compile_mlp`, `CompiledMLP.from_weights` or
    `CompiledMLP.load`.

    Inputs are not searched for NaN and infinity, which come out as numbers without meaning or as
    NaN. A pickle holds weights only; what kernels read is made anew when first needed.

    Parameters
    ----------
    state : dict
        What `CompiledMLP.from_weights` makes of weights: arrays, names and numbers.

    Attributes
    ----------
    n_features_in_ : int
        Number of inputs.
    n_outputs_ : int
        Number of outputs.
    layers : list of Layer
        The weights and biases of each layer as they are stored; with ``quantize`` in float32 again,
        rounded to what the bytes hold.
    formats : list of str
        How each layer is run: a name, or two joined by "+", for a row at a time and for batches.
    n_bytes : int
        Bytes of the weights as stored, without what kernels derive from them.
    n_weights : int
        Number of weights that are not zero.
    sparsity : float
        Share of weights that are zero.

    See Also
    --------
    compile_mlp : Compile a fitted model.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsekit.pruning import CompiledMLP
    >>> weights = [np.array([[1.0, 0.0], [0.0, -1.0]]), np.array([[2.0], [3.0]])]
    >>> network = CompiledMLP.from_weights(weights, [np.zeros(2), np.ones(1)])
    >>> network(np.array([[1.0, 2.0], [3.0, -4.0]])).tolist()
    [[3.0], [19.0]]
    """

    def __init__(self, state: dict[str, Any]):
        self.__setstate__(state)

    @classmethod
    def from_weights(
        cls,
        coefs: Sequence,
        intercepts: Sequence[ArrayLike],
        *,
        activation: str = "relu",
        out_activation: str = "identity",
        quantize: str | None = None,
        calibration_data: Any = None,
        n_jobs: int | None = None,
    ) -> Self:
        """Compile a network given by its weights.

        Parameters
        ----------
        coefs : sequence of {array-like, sparse matrix} of shape (inputs, outputs)
            The weights of each layer.
        intercepts : sequence of array-like of shape (outputs,)
            The biases of each layer.
        activation : {"identity", "logistic", "relu", "tanh"}, default="relu"
            What hidden units do.
        out_activation : {"exp", "identity", "logistic", "softmax"}, default="identity"
            What the outputs are made of.
        quantize : {"int8", "float16"}, default=None
            Whether weights are stored in fewer bits. "int8" also computes in integers, with scales
            from `calibration_data`; "float16" computes in float32.
        calibration_data : {array-like, sparse matrix} of shape (n_samples, inputs), default=None
            Inputs as the network will see them; ``quantize="int8"`` needs some.
        n_jobs : int, default=None
            Threads for large batches; None means 1. Results do not depend on it.

        Returns
        -------
        compiled : CompiledMLP
            The compiled network.
        """
        effective_n_jobs(n_jobs)
        layers = read_layers(coefs, intercepts)
        steps = [None] * len(layers)
        state = {
            "activation": activation,
            "out_activation": out_activation,
            "quantize": quantize,
            "n_jobs": n_jobs,
        }
        check_names(state)
        if quantize == "float16":
            layers = in_half_precision(layers)
        if quantize == "int8":
            if calibration_data is None:
                raise ValueError(
                    "quantize='int8' chooses its scales on data, but `calibration_data` is None. "
                    "Pass some hundred rows of inputs, for instance of the training data."
                )
            X = as_rows(calibration_data, layers[0].n_inputs, "calibration_data")
            runner = Int8Runner.calibrated(layers, activation, X)
            state["int8"], steps = runner.state(), runner.weight_steps
        state["layers"] = [pack_layer(layer, step) for layer, step in zip(layers, steps)]
        return cls(state)

    def __call__(self, X: Any) -> np.ndarray:
        """Return the network's outputs.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (batch, inputs)
            The inputs; float32, in C order or CSR, is read without a copy.

        Returns
        -------
        outputs : ndarray of shape (batch, outputs), float32
            Probabilities, rates or predicted targets.
        """
        out = self._run(as_rows(X, self.n_features_in_), len(self.layers))
        self._finish(out)
        return out

    def hidden(self, X: Any) -> np.ndarray:
        """Return the activations of the last hidden layer.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (batch, inputs)
            The inputs.

        Returns
        -------
        activations : ndarray of shape (batch, units), float32
            One column a unit; `X` itself in float32 if there is no hidden layer.
        """
        X = as_rows(X, self.n_features_in_)
        return self._run(X, len(self.layers) - 1) if len(self.layers) > 1 else X

    def calibrate(self, X: Any = None) -> Self:
        """Measure this machine, and run each layer in the format that was fastest.

        Without it, a table chooses. It has no effect on a network of bytes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, inputs), default=None
            Inputs as the network will see them, of which 64 are used: it matters how many are zero.
            None stands for random numbers.

        Returns
        -------
        self : CompiledMLP
            The same network; its results may differ in their last digits.
        """
        if self.quantize != "int8":
            n_inputs = self.n_features_in_
            X = random_inputs(n_inputs) if X is None else as_rows(X, n_inputs)
            if X.shape[0] == 0:
                raise ValueError("`X` must have at least one row to measure on; got none.")
            plan = measured_plan(self.layers, self.activation, X)
            self._runner = FloatRunner(self.layers, self.activation, plan)
        return self

    @property
    def formats(self) -> list[str]:
        """Return how each layer is run."""
        return list(self._runner.formats)

    @property
    def n_weights(self) -> int:
        """Return the number of weights that are not zero."""
        return sum(layer.n_weights for layer in self.layers)

    @property
    def sparsity(self) -> float:
        """Return the share of weights that are zero."""
        return 1 - self.n_weights / sum(layer.n_inputs * layer.n_outputs for layer in self.layers)

    @property
    def n_bytes(self) -> int:
        """Return the bytes of the weights as stored."""
        per_weight = {"int8": 1, "float16": 2}.get(self.quantize, 4)
        spared = 4 - per_weight
        return sum(layer.n_bytes - spared * layer.values.size for layer in self.layers)

    def to_onnx(self, form: str = "dense") -> Any:
        """Return the network as an ONNX model, in float32, for other runtimes.

        Parameters
        ----------
        form : {"dense", "compact", "sparse"}, default="dense"
            How weights are stored: whole; whole, without hidden units that do nothing, which every
            runtime runs faster; or without their zeros. Sparse weights make the file smaller only:
            ONNX Runtime, for one, makes them dense as it loads it.

        Returns
        -------
        model : onnx.ModelProto
            From "X" of (batch, inputs) to "outputs".
        """
        return to_onnx(self.layers, self.activation, self.out_activation, form)

    def save(self, path: str | os.PathLike) -> None:
        """Write the network to a packed file, without pickles.

        What `calibrate` found and `n_jobs` belong to a machine, and stay out of it.

        Parameters
        ----------
        path : path-like or binary file
            The file, by custom named ``*.npz``; or one that is open for writing.
        """
        write_state(path, self.__getstate__())

    @classmethod
    def load(cls, path: str | os.PathLike) -> Self:
        """Read a network that `save` has written.

        Parameters
        ----------
        path : path-like or binary file
            The file, or one that is open for reading.

        Returns
        -------
        compiled : CompiledMLP
            The network.
        """
        return cls(read_state(path))

    def __getstate__(self) -> dict[str, Any]:
        """Return packed arrays, names and numbers; no layouts of kernels."""
        in_bytes = self.quantize == "int8"
        steps = self._runner.weight_steps if in_bytes else [None] * len(self.layers)
        state = {
            "layers": [pack_layer(layer, step) for layer, step in zip(self.layers, steps)],
            "activation": self.activation,
            "out_activation": self.out_activation,
            "quantize": self.quantize,
            "n_jobs": self.n_jobs,
        }
        if in_bytes:
            return {**state, "int8": self._runner.state()}
        return {**state, "plan": [list(pair) for pair in self._runner.plan]}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Make the network of what `__getstate__` returns."""
        check_names(state)
        steps = [None] * len(state["layers"])
        if "int8" in state:
            widths = [len(layer["bias"]) for layer in state["layers"]]
            steps = np.split(state["int8"]["weight_steps"], np.cumsum(widths)[:-1])
        packed = zip(state["layers"], steps)
        self.layers = [unpack_layer(layer, step) for layer, step in packed]
        self.activation, self.out_activation = state["activation"], state["out_activation"]
        self.quantize, self.n_jobs = state["quantize"], state["n_jobs"]
        self.n_features_in_, self.n_outputs_ = self.layers[0].n_inputs, self.layers[-1].n_outputs
        self._finish = OUT_KERNELS[self.out_activation]
        if self.quantize == "int8":
            self._runner = Int8Runner.from_state(self.layers, self.activation, state["int8"])
            return
        plan = state.get("plan") or make_plan(self.layers, self.activation)
        self._runner = FloatRunner(self.layers, self.activation, [tuple(pair) for pair in plan])

    def __repr__(self) -> str:
        sizes = [layer.n_inputs for layer in self.layers] + [self.n_outputs_]
        shape = "-".join(map(str, sizes))
        return f"CompiledMLP({shape}, {self.sparsity:.1%} zeros, {self.n_bytes:,} bytes)"

    def _run(self, X, n_layers: int) -> np.ndarray:
        """Return what the first layers make of X, block by block."""
        n_rows, runner = X.shape[0], self._runner
        out = np.empty((n_rows, self.layers[n_layers - 1].n_outputs), dtype=np.float32)
        if n_rows <= runner.rows_at_once:
            runner.run(X, out, n_layers)
            return out

        def run(start, stop):
            runner.run(X[start:stop], out[start:stop], n_layers)

        ends = range(runner.rows_at_once, n_rows + runner.rows_at_once, runner.rows_at_once)
        blocks = [(end - runner.rows_at_once, min(end, n_rows)) for end in ends]
        with single_blas_thread():
            run_blocks(run, blocks, self.n_jobs)
        return out


def check_names(state: dict[str, Any]) -> None:
    """Raise a ValueError for a name that is not known."""
    known = {
        "activation": ["identity", "logistic", "relu", "tanh"],
        "out_activation": sorted(OUT_KERNELS),
        "quantize": [None, "float16", "int8"],
    }
    for parameter, names in known.items():
        if state[parameter] not in names:
            raise ValueError(f"`{parameter}` must be one of {names}; got {state[parameter]!r}.")


def compile_mlp(
    model: Any,
    *,
    quantize: str | None = None,
    calibration_data: Any = None,
    n_jobs: int | None = None,
) -> CompiledMLP:
    """Compile a fitted multilayer perceptron.

    A network without zeros gains too: on single rows most of scikit-learn's time goes into checks.

    Parameters
    ----------
    model : object
        A fitted MLPClassifier, MLPRegressor, MLPPruner or SparseMLP, or anything with `coefs_`,
        `intercepts_`, `activation` and `out_activation_` as they have. It is not changed.
    quantize : {"int8", "float16"}, default=None
        Whether weights are stored in fewer bits. "int8" also computes in integers, with scales from
        `calibration_data`; "float16" computes in float32.
    calibration_data : {array-like, sparse matrix} of shape (n_samples, inputs), default=None
        Inputs as the network will see them; ``quantize="int8"`` needs some.
    n_jobs : int, default=None
        Threads for large batches; None means 1. Results do not depend on it.

    Returns
    -------
    compiled : CompiledMLP
        Called on X it returns probabilities or predicted targets, in float32.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.neural_network import MLPClassifier
    >>> from sparsekit.pruning import compile_mlp
    >>> X, y = load_digits(return_X_y=True)
    >>> mlp = MLPClassifier((32,), max_iter=40, random_state=0, tol=1).fit(X / 16, y)
    >>> compiled = compile_mlp(mlp)
    >>> compiled(X[:2] / 16).shape
    (2, 10)
    """
    coefs, intercepts, activation, out_activation = read_model(model)
    return CompiledMLP.from_weights(
        coefs,
        intercepts,
        activation=activation,
        out_activation=out_activation,
        quantize=quantize,
        calibration_data=calibration_data,
        n_jobs=n_jobs,
    )
