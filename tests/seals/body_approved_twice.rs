// One check of a body lets go of one request.
use ollama_gate_engine::BodyApproved;

fn is_copied<T: Copy>() {}
fn is_cloned<T: Clone>() {}

fn main() {
    is_copied::<BodyApproved>();
    is_cloned::<BodyApproved>();
}
