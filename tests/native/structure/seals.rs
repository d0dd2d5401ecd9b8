//! What the types forbid does not compile, for the reason that they forbid it. A proof that anybody
//! can write proves nothing.
//!
//! Each file in tests/seals tries to break one seal; beside it is what the compiler has to say. When
//! its words change, `TRYBUILD=overwrite cargo test --test native seals` writes them anew: look at
//! whether they still name the field that is private, or the trait that is missing.

#[test]
fn a_proof_is_written_by_nothing_but_what_proves() {
    let seals = trybuild::TestCases::new();
    seals.compile_fail("tests/seals/*.rs");
}
