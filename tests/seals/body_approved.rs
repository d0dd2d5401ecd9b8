// Only the check of a body makes it: nothing else lets go of a held request.
use ollama_gate_engine::{BodyApproved, RequestStep};

fn main() {
    let _ = RequestStep::Release(BodyApproved { 0: () });
}
