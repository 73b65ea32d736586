"""Side-by-side measurements of sparsekit and its peers; run the scripts, or import the problems."""
