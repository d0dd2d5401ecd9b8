// Only `policy` makes a permit that depends on the body, for the identity that it has judged.
use ollama_gate_engine::internals::ConditionalPermit;

fn of_another_caller<'p, 'e>(
    permit: &mut ConditionalPermit<'p, 'e>,
    other: ConditionalPermit<'p, 'e>,
) {
    permit.identity = other.identity;
}

fn main() {}
