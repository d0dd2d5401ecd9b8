// A mode is a name that anybody can write; what it proves is for the engine alone to say.
use ollama_gate_engine::Mode;

fn main() {
    let _ = Mode::Report.watched();
}
