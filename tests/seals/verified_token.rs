// Only a signature that held makes a verified token: unverified claims are no identity.
use ollama_gate_engine::internals::VerifiedToken;

fn of_another_issuer(token: VerifiedToken) -> VerifiedToken {
    VerifiedToken {
        issuer: 0,
        ..token
    }
}

fn main() {}
