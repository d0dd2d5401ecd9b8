//! A name and a password, as they come in the header.

use super::MAX_PASSWORD_BYTES;
use crate::denial::{Denial, Reason};
use crate::secret::Secret;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// RFC 7617 section 2 asks for padding; some clients leave it out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What keys of the gate begin with that may come as a password.
const KEY: &str = "sk-";

/// A name and a password, not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Login {
    user: Secret<String>,
    password: Secret<String>,
}

impl Login {
    /// Reads `text`, which follows `Basic` in the header (RFC 7617 section 2): base64 of name, colon
    /// and password in UTF-8 without control characters. The name has no colon, the password may.
    ///
    /// # Errors
    /// [`Reason::MalformedCredential`] for anything else.
    pub(crate) fn read(text: &str) -> Result<Self, Denial> {
        let bytes = BASE64
            .decode(text)
            .map_err(|_| malformed("what follows `Basic` is not base64"))?;
        let pair =
            String::from_utf8(bytes).map_err(|_| malformed("name and password are not UTF-8"))?;
        if pair.contains(char::is_control) {
            return Err(malformed("name or password holds a control character"));
        }
        let (user, password) = pair
            .split_once(':')
            .ok_or_else(|| malformed("there is no colon between name and password"))?;
        Ok(Self {
            user: Secret::new(user.to_owned()),
            password: Secret::new(password.to_owned()),
        })
    }

    /// The name. A secret until it is one that is known: people write passwords there.
    pub(crate) fn user(&self) -> &str {
        self.user.expose()
    }

    /// The password.
    pub(crate) fn password(&self) -> &str {
        self.password.expose()
    }

    /// The API key in it: in the password's place, where whose name stands before it is then of no
    /// meaning, or in the name's with an empty password (`curl -u KEY:`, `https://KEY@host`).
    pub(crate) fn key(&self) -> Option<&str> {
        let place = if self.password().is_empty() {
            self.user()
        } else {
            self.password()
        };
        Some(place).filter(|text| text.starts_with(KEY))
    }

    /// Whether an API key stands in the name's place, whatever the password.
    pub(super) fn names_key(&self) -> bool {
        self.user().starts_with(KEY)
    }

    /// Passes what can be a user's login.
    ///
    /// # Errors
    /// [`Reason::MalformedCredential`]: something is empty, or the password too long.
    pub(crate) fn check_length(&self) -> Result<(), Denial> {
        if self.user().is_empty() {
            return Err(malformed("the user name is empty"));
        }
        if self.password().is_empty() {
            return Err(malformed("the password is empty"));
        }
        if self.password().len() > MAX_PASSWORD_BYTES {
            return Err(malformed("the password is longer than 72 bytes"));
        }
        Ok(())
    }
}

fn malformed(advice: &'static str) -> Denial {
    Denial::new(Reason::MalformedCredential, advice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::STANDARD;

    fn read(pair: impl AsRef<[u8]>) -> Result<(String, String), &'static str> {
        read_text(&STANDARD.encode(pair))
    }

    fn read_text(text: &str) -> Result<(String, String), &'static str> {
        Login::read(text)
            .map(|login| (login.user().to_owned(), login.password().to_owned()))
            .map_err(|denial| denial.reason().code())
    }

    fn good(user: &str, password: &str) -> Result<(String, String), &'static str> {
        Ok((user.to_owned(), password.to_owned()))
    }

    #[test]
    fn the_first_colon_ends_the_name() {
        assert_eq!(read("alice:secret"), good("alice", "secret"));
        assert_eq!(read("alice:a:b:"), good("alice", "a:b:"));
        assert_eq!(read("alice::"), good("alice", ":"));
        assert_eq!(read("a b:c d"), good("a b", "c d"));
        assert_eq!(read("zoë:pässword€"), good("zoë", "pässword€"));
    }

    #[test]
    fn base64_comes_with_padding_or_without() {
        // RFC 7617 section 2: Aladdin, open sesame.
        let example = good("Aladdin", "open sesame");
        assert_eq!(read_text("QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), example);
        assert_eq!(read_text("QWxhZGRpbjpvcGVuIHNlc2FtZQ="), example);
        assert_eq!(read_text("QWxhZGRpbjpvcGVuIHNlc2FtZQ"), example);
        for bad in [
            "QWxhZGRpbjpvcGVuIHNlc2FtZR==",
            "QWxhZGRpbjpvcGVuIHNlc2FtZQ===",
            "QWxhZGRpbjpvcGVuIHNlc2FtZQ==QQ==",
            "QWxh ZGRpbjpvcGVuIHNlc2FtZQ==",
            "QWxhZGRpbjpvcGVuIHNlc2FtZ-_=",
            "Aladdin:open",
            "=",
            "A",
        ] {
            assert_eq!(read_text(bad), Err("malformed_credential"), "{bad}");
        }
    }

    #[test]
    fn what_is_no_pair_of_utf8_without_controls_is_refused() {
        for bad in [
            &b"alice"[..],
            b"",
            b"alice\xff:secret",
            b"alice:p\xe4ssword",
            b"alice:se\0cret",
            b"ali\x00ce:secret",
            b"alice:secret\n",
            b"alice:\x7f",
            b"alice:\t",
            "alice:\u{85}".as_bytes(),
        ] {
            assert_eq!(read(bad), Err("malformed_credential"), "{bad:?}");
        }
    }

    #[test]
    fn empty_and_overlong_are_no_logins() {
        let fit = |pair: &str| {
            let login = Login::read(&STANDARD.encode(pair)).unwrap();
            login.check_length().map_err(|denial| denial.message())
        };
        let malformed = |advice| Err(format!("the credential is malformed: {advice}"));
        assert_eq!(fit(":secret"), malformed("the user name is empty"));
        assert_eq!(fit("alice:"), malformed("the password is empty"));
        assert_eq!(fit(":"), malformed("the user name is empty"));
        assert_eq!(fit(&format!("alice:{}", "x".repeat(72))), Ok(()));
        let long = malformed("the password is longer than 72 bytes");
        assert_eq!(fit(&format!("alice:{}", "x".repeat(73))), long);
        assert_eq!(fit(&format!("alice:{}", "ä".repeat(37))), long);
    }

    #[test]
    fn a_key_may_stand_for_the_password_whatever_the_name_or_for_the_name_alone() {
        for (pair, key) in [
            ("alice:sk-1", Some("sk-1")),
            (":sk-1", Some("sk-1")),
            ("sk-1:", Some("sk-1")),
            ("sk-1:x", None),
            ("sk-1:sk-2", Some("sk-2")),
            ("SK-1:", None),
            (" sk-1:", None),
            (":", None),
            ("alice:SK-1", None),
            ("alice: sk-1", None),
        ] {
            let login = Login::read(&STANDARD.encode(pair)).unwrap();
            assert_eq!(login.key(), key, "{pair}");
        }
    }

    #[test]
    fn debug_shows_neither_name_nor_password() {
        let login = Login::read(&STANDARD.encode("alice:secret")).unwrap();
        let shown = format!("{login:?}");
        assert!(
            !shown.contains("alice") && !shown.contains("secret"),
            "{shown}"
        );
    }
}
