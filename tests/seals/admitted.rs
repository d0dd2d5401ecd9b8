// Only `upstream::admit` makes an admission: what was not permitted and cleaned is not forwarded.
use ollama_gate_engine::{Admitted, RequestStep};

fn main() {
    let _ = RequestStep::Forward(Admitted { edits: Vec::new() });
}
