"""Vectors of the host's width as values inside kernels, and who writes instructions on them.

numba's own loops stay below half of what a core can do where a loop must keep many partial sums in
registers. A *word* is a function of kernels that writes LLVM's vector instructions itself. Words
take addresses: bounds are the caller's duty.
"""

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.errors import TypingError
from numba.core.registry import cpu_target
from numba.extending import intrinsic, models, register_model

INT, INDEX = ir.IntType(32), ir.IntType(64)


class VectorType(types.Type):
    """As many numbers of one dtype as a register holds."""

    def __init__(self, dtype):
        self.dtype = dtype
        self.lanes = register_bytes() * 8 // dtype.bitwidth
        super().__init__(f"vector({self.lanes} x {dtype})")


@register_model(VectorType)
class VectorModel(models.PrimitiveModel):
    """LLVM's vector of these numbers."""

    def __init__(self, manager, kind):
        element = manager.lookup(kind.dtype).get_value_type()
        super().__init__(manager, kind, ir.VectorType(element, kind.lanes))


def host_features():
    """Return what the processor that numba compiles for can do; its cache on disk knows it too."""
    return set(cpu_target.target_context.codegen().magic_tuple()[2].split(","))


def register_bytes():
    """Return the bytes of that processor's widest vectors."""
    features = host_features()
    if "+avx512f" in features:
        return 64
    return 32 if "+avx" in features else 16


def register_vectors():
    """Return how many vectors its registers hold."""
    return 32 if {"+avx512f", "+neon"} & host_features() else 16


def tile_vectors(lanes):
    """Return how many vectors wide a tile is that has a row per lane and fills the registers."""
    return max(register_vectors() // 2 // lanes, 1)


def word(function):
    """Make a word of a function that returns `instructions`; the kernels' cache sees its file."""
    made = intrinsic(function)
    made.py_func = function
    return made


class Emitter:
    """Writes instructions on vectors of one type."""

    def __init__(self, builder, kind, model):
        self.builder, self.kind = builder, kind
        self.vector = model.get_value_type()
        self.element, self.n = self.vector.element, kind.lanes

    def at(self, array, i, j):
        """Return the address of a number of an array of two axes."""
        b = self.builder
        down = b.mul(i, b.extract_value(array.shape, 1))
        return b.gep(array.data, [b.add(down, j)])

    def load(self, address, *offset):
        """Load a vector, aligned or not."""
        address = self.builder.gep(address, offset) if offset else address
        address = self.builder.bitcast(address, self.vector.as_pointer())
        return self.builder.load(address, align=self.kind.dtype.bitwidth // 8)

    def store(self, value, address, *offset):
        """Store a vector, aligned or not."""
        address = self.builder.gep(address, offset) if offset else address
        address = self.builder.bitcast(address, value.type.as_pointer())
        self.builder.store(value, address, align=self.kind.dtype.bitwidth // 8)

    def store_first(self, value, address, first, last):
        """Store the first numbers of a vector at places `first` to before `last`."""
        b = self.builder
        (kept,) = self.variables([value])
        kept = b.bitcast(kept, self.element.as_pointer())
        with self.loop(first, last) as (k, _):
            b.store(b.load(b.gep(kept, [b.sub(k, first)])), b.gep(address, [k]))

    def shuffle(self, value, lanes):
        """Return a vector of some lanes of another."""
        mask = ir.Constant(ir.VectorType(INT, len(lanes)), list(lanes))
        return self.builder.shuffle_vector(value, ir.Constant(value.type, ir.Undefined), mask)

    def lane(self, value, lane):
        """Return a vector of one lane of another."""
        return self.shuffle(value, [lane] * self.n)

    def spread(self, number):
        """Return a vector of one number."""
        nothing = ir.Constant(self.vector, ir.Undefined)
        return self.lane(self.builder.insert_element(nothing, number, INT(0)), 0)

    def spread_load(self, address, *offset):
        """Return a vector of the one number at an address."""
        return self.spread(self.builder.load(self.builder.gep(address, offset)))

    def call(self, name, *args):
        """Call a function of LLVM on vectors."""
        kind = ir.FunctionType(self.vector, [self.vector] * len(args))
        name = f"{name}.v{self.n}f{self.kind.dtype.bitwidth}"
        return self.builder.call(
            cgutils.get_or_insert_function(self.builder.module, kind, name), args
        )

    def fma(self, a, b, c):
        """Return ``a * b + c``."""
        return self.call("llvm.fmuladd", a, b, c)

    def root(self, number):
        """Return the square root of a number."""
        kind = ir.FunctionType(self.element, [self.element])
        name = f"llvm.sqrt.f{self.kind.dtype.bitwidth}"
        return self.builder.call(
            cgutils.get_or_insert_function(self.builder.module, kind, name), [number]
        )

    def pick(self, a, b, lane):
        """Return `b` with one lane of `a`."""
        return self.mix(b, a, [t if t != lane else self.n + t for t in range(self.n)])

    def mix(self, a, b, lanes):
        """Return a vector of some lanes of two, of which the second counts on from the first."""
        return self.builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(INT, self.n), lanes))

    def zero(self):
        """Return a vector of zeros."""
        return ir.Constant(self.vector, None)

    def variables(self, values):
        """Return variables with these values, which the compiler keeps in registers if they fit."""
        return [cgutils.alloca_once_value(self.builder, value) for value in values]

    def values(self, variables):
        """Return what variables hold."""
        return [self.builder.load(variable) for variable in variables]

    def add_product(self, a, b, variable):
        """Add ``a * b`` to a variable."""
        self.builder.store(self.fma(a, b, self.builder.load(variable)), variable)

    def loop(self, first, last, by=1):
        """Loop from `first` to before `last`; gives the number and what it is for numba."""
        return cgutils.for_range_slice(self.builder, first, last, INDEX(by))

    def turn(self, rows):
        """Return the columns of as many vectors as they have lanes."""
        rows, span, d = list(rows), range(self.n), self.n // 2
        while d:
            left = [t if not t & d else self.n + t - d for t in span]
            right = [t + d if not t & d else self.n + t for t in span]
            for r in span:
                if not r & d:
                    a, b = rows[r], rows[r + d]
                    rows[r], rows[r + d] = self.mix(a, b, left), self.mix(a, b, right)
            d //= 2
        return rows

    def totals(self, rows):
        """Return the sums over the lanes of 1, 2, 4, ... vectors, one after another in the lanes.

        Lanes that are left over repeat them.
        """
        rows, d = list(rows), 1
        while len(rows) > 1:
            left = [t if not t & d else self.n + t - d for t in range(self.n)]
            right = [t + d if not t & d else self.n + t for t in range(self.n)]
            rows = [
                self.builder.fadd(self.mix(a, b, left), self.mix(a, b, right))
                for a, b in zip(rows[::2], rows[1::2], strict=True)
            ]
            d *= 2
        (found,) = rows
        while d < self.n:
            found = self.builder.fadd(found, self.shuffle(found, [t ^ d for t in range(self.n)]))
            d *= 2
        return found

    def prefetch(self, address):
        """Call what lies at an address into the cache."""
        text = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [text, INT, INT, INT])
        call = cgutils.get_or_insert_function(self.builder.module, kind, "llvm.prefetch.p0")
        self.builder.call(call, [self.builder.bitcast(address, text), INT(0), INT(3), INT(1)])


def instructions(write, dtype, result, *given):
    """Return what numba asks of an intrinsic: its types, and a writer of its instructions.

    The writer meets arrays with their `data` and `shape`, and every integer as one of 64 bits.
    """
    if any(isinstance(g, types.Array) and g.layout != "C" for g in given):
        raise TypingError("Words read arrays whose numbers lie next to one another, in C order.")
    kind = VectorType(dtype)
    given = [types.intp if isinstance(g, types.Integer) else g for g in given]

    def emit(context, builder, signature, args):
        known = [
            context.make_array(g)(context, builder, value) if isinstance(g, types.Array) else value
            for g, value in zip(given, args, strict=True)
        ]
        found = write(Emitter(builder, kind, context.data_model_manager[kind]), *known)
        return context.get_dummy_value() if found is None else found

    return result(*given), emit
