# Few recipes; each is a script that also works without just.

# The program: `just run demo`
run *args:
    ./run {{args}}

# Every test; `just test --long` adds the long ones
test *args:
    ./test {{args}}

# What CI runs
ci:
    .ci/run

# Format, then lint
tidy:
    cargo fmt --all
    cargo clippy --workspace --all-targets -- -D warnings

# Change the code of sync and the folds of log bit by bit and see whether a test notices: hours
mutants *args:
    command -v cargo-mutants >/dev/null || cargo install cargo-mutants --locked
    cargo mutants {{args}}

# Write docs/vectors again after a deliberate change of a format
bless:
    NEXUS_BLESS=1 cargo test -p nexus-identity -p nexus-log -p nexus-sync -p nexus-blobs vectors
    ./test
