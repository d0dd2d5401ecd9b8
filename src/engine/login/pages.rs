//! The gate's own pages: for people, in HTML, without a script and without anything from elsewhere.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

/// A page, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// the HTTP status
    pub(crate) status: u16,
    /// header fields, lower-case names
    pub(crate) headers: Vec<(&'static str, String)>,
    /// HTML
    pub(crate) body: Vec<u8>,
}

/// What a page says. Whatever is in it may come from anybody: it is escaped.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Content<'a> {
    /// a redirection to the identity provider at `to`, for whoever is not taken there
    SigningIn { to: &'a str },
    /// somebody is signed in, and can sign out by a form
    SignedIn {
        /// who it is
        subject: &'a str,
        /// where the form goes
        action: &'a str,
        /// what the form proves its origin with
        token: &'a str,
    },
    /// nobody is signed in here any more, and the browser goes on to the identity provider, at `to`, to sign out there.
    ///
    /// By itself, and not by a redirection: what a form's answer leads to is bound by the form's page, with whatever
    /// further addresses the provider leads through.
    SigningOut { to: &'a str },
    /// nobody is signed in any more; `to` begins a login
    SignedOut { to: &'a str },
    /// it did not work
    Failed {
        /// the HTTP status
        status: u16,
        /// the code of the reason
        code: &'a str,
        /// what went wrong and what to do, one sentence
        message: &'a str,
        /// where to try again
        to: &'a str,
    },
}

/// Two colours for each of paper, ink, rules and actions, at a contrast of 7 to 1 or better (WCAG 2.2, 1.4.6).
const STYLE: &str = "\
:root{color-scheme:light dark;--paper:#fff;--ink:#1b1b1b;--faint:#4a4a4a;--line:#c8c8c8;--act:#0b4a8f;--on-act:#fff}\
@media(prefers-color-scheme:dark){:root{--paper:#16181b;--ink:#ececec;--faint:#b9bdc2;--line:#3d4248;--act:#9cc8ff;--on-act:#10151b}}\
*{box-sizing:border-box}\
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.5rem;background:var(--paper);color:var(--ink);\
font:1.0625rem/1.5 system-ui,sans-serif}\
main{width:100%;max-width:28rem;border:1px solid var(--line);border-radius:.75rem;padding:2rem}\
h1{margin:0 0 .75rem;font-size:1.5rem;line-height:1.25}\
p{margin:0 0 1.25rem;overflow-wrap:anywhere}\
a,button{display:inline-block;font:inherit;font-weight:600;padding:.625rem 1.25rem;border:0;border-radius:.5rem;\
background:var(--act);color:var(--on-act);text-decoration:none;cursor:pointer}\
:focus-visible{outline:3px solid var(--act);outline-offset:3px}\
footer{margin-top:1.5rem;color:var(--faint);font-size:.875rem}\
footer p{margin:0}";

impl Content<'_> {
    /// The page that says it.
    pub(crate) fn page(self) -> Page {
        let style = STANDARD.encode(Sha256::digest(STYLE));
        let (form, referrer) = match self {
            // A form that is posted without a referrer says `Origin: null`, which is nobody's.
            Self::SignedIn { .. } => ("'self'", "same-origin"),
            _ => ("'none'", "no-referrer"),
        };
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{style}'; form-action {form}; base-uri 'none'; \
             frame-ancestors 'none'"
        );
        let mut headers = vec![
            ("content-type", "text/html; charset=utf-8".to_owned()),
            ("cache-control", "no-store".to_owned()),
            ("content-security-policy", policy),
            ("referrer-policy", referrer.to_owned()),
            ("x-content-type-options", "nosniff".to_owned()),
            ("x-frame-options", "DENY".to_owned()),
        ];
        if let Self::SigningIn { to } = self {
            headers.push(("location", to.to_owned()));
        }
        Page {
            status: self.status(),
            headers,
            body: self.html().into_bytes(),
        }
    }

    const fn status(self) -> u16 {
        match self {
            // What follows is a GET, whatever was asked (RFC 9110 section 15.4.4).
            Self::SigningIn { .. } => 303,
            Self::SignedIn { .. } | Self::SigningOut { .. } | Self::SignedOut { .. } => 200,
            Self::Failed { status, .. } => status,
        }
    }

    fn html(self) -> String {
        let (title, text, act, foot) = match self {
            Self::SigningIn { to } => (
                "Signing in",
                escaped("You are being sent to your identity provider to sign in."),
                link(to, "Continue to sign in"),
                String::new(),
            ),
            Self::SignedIn {
                subject,
                action,
                token,
            } => (
                "You are signed in",
                format!("Signed in as <strong>{}</strong>.", escaped(subject)),
                form(action, token),
                String::new(),
            ),
            Self::SigningOut { to } => (
                "Signing out",
                escaped(
                    "You are signed out here, and are being sent to your identity provider to sign out there too.",
                ),
                link(to, "Continue to sign out"),
                String::new(),
            ),
            Self::SignedOut { to } => (
                "You are signed out",
                escaped("Close the browser if others use this computer."),
                link(to, "Sign in again"),
                String::new(),
            ),
            Self::Failed {
                code, message, to, ..
            } => (
                "Sign-in failed",
                escaped(message),
                link(to, "Try again"),
                format!(
                    "<footer><p>Code: <code>{}</code></p></footer>",
                    escaped(code)
                ),
            ),
        };
        let onward = match self {
            Self::SigningOut { to } => onward(to),
            _ => String::new(),
        };
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"robots\" content=\"noindex\">\n{onward}\
             <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n\
             <h1>{title}</h1>\n<p>{text}</p>\n{act}\n{foot}</main>\n</body>\n</html>\n"
        )
    }
}

fn is_web(to: &str) -> bool {
    to.starts_with("https://") || to.starts_with("http://")
}

/// What takes a browser to the web address `to` without being asked; nothing for any other.
fn onward(to: &str) -> String {
    if !is_web(to) {
        return String::new();
    }
    format!(
        "<meta http-equiv=\"refresh\" content=\"0;url={}\">\n",
        escaped(to)
    )
}

/// A link to `to`, which has to be a path or a web address: no other scheme becomes one.
fn link(to: &str, text: &str) -> String {
    let is_path = to.starts_with('/') && !to.starts_with("//") && !to.contains('\\');
    let to = if is_path || is_web(to) { to } else { "/" };
    format!("<a href=\"{}\">{text}</a>", escaped(to))
}

fn form(action: &str, token: &str) -> String {
    format!(
        "<form method=\"post\" action=\"{}\"><input type=\"hidden\" name=\"token\" value=\"{}\">\
         <button type=\"submit\">Sign out</button></form>",
        escaped(action),
        escaped(token)
    )
}

/// `text` as it may stand in HTML, between elements and in quoted attributes. Control characters and those that
/// turn the direction of text around are left out: a name must not rewrite the sentence that it is in.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            other if other.is_control() => {}
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
#[path = "pages_tests.rs"]
mod tests;
