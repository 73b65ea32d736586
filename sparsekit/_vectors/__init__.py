"""LLVM's vector instructions inside kernels: words, the formulas built of them, and plain twins."""
