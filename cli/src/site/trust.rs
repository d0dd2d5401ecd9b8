//! How each client is made to trust the certificate of a site.

use super::Site;
use std::path::Path;

/// The text of `clients.txt`.
pub(super) fn text(site: &Site) -> String {
    let url = site.url();
    let Some(tls) = &site.record.tls else {
        return format!(
            "The gate serves this machine alone, at {url}, without TLS: there is nothing to trust.\n\n{}",
            keys(&url)
        );
    };
    let Some(authority) = &tls.authority else {
        return format!(
            "The gate serves {url} with a certificate of your own. Clients trust it if they trust its authority.\n\n{}",
            keys(&url)
        );
    };
    let path = quoted(&site.path(authority));
    format!(
        "\
How clients are made to trust {url}

Copy the file below to the client's machine. It is no secret: it holds a certificate and no key.

  {path}

It stands for this one certificate: the key that signed it was thrown away. In the commands, ca.pem is the copy.

curl                    curl --cacert ca.pem {url}/api/version
Python                  export SSL_CERT_FILE=$PWD/ca.pem            (ollama, openai, anthropic, httpx)
                        export REQUESTS_CA_BUNDLE=$PWD/ca.pem       (requests)
Node                    export NODE_EXTRA_CA_CERTS=$PWD/ca.pem      (beside the system's own)
Go                      export SSL_CERT_FILE=$PWD/ca.pem            (Linux; the system's store elsewhere)
ollama program          export SSL_CERT_FILE=$PWD/ca.pem OLLAMA_HOST={url}
                        It sends no key: it needs `ollama_cli` in gate.json.
Debian, Ubuntu          sudo cp ca.pem /usr/local/share/ca-certificates/ollama-gate.crt
                        sudo update-ca-certificates
Fedora, RHEL            sudo cp ca.pem /etc/pki/ca-trust/source/anchors/ollama-gate.pem
                        sudo update-ca-trust
macOS                   sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain ca.pem
Windows                 certutil -addstore Root ca.pem              (as administrator)
Chrome, Edge            take it from the system; on Linux: Settings, Privacy and security, Security,
                        Manage certificates, Authorities, Import
Firefox                 Settings, Privacy & Security, View Certificates, Authorities, Import

SSL_CERT_FILE takes the place of the authorities that the client knows, for everything that it asks.

{}",
        keys(&url)
    )
}

fn keys(url: &str) -> String {
    format!(
        "\
How clients send their key

curl                    -H \"Authorization: Bearer sk-...\"
ollama for Python       export OLLAMA_HOST={url} OLLAMA_API_KEY=sk-...
openai                  base_url={url}/v1  api_key=sk-...
anthropic               base_url={url}  api_key=sk-...
"
    )
}

/// A path for a shell.
pub(crate) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:@".contains(&byte);
    if text.bytes().all(plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}
