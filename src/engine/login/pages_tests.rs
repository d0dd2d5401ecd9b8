use super::*;

const HOSTILE: &str = "\"><script src=//evil.example></script>'&amp;\r\n\u{202e}<img onerror=x>";

fn all(text: &str) -> Vec<Content<'_>> {
    vec![
        Content::SigningIn { to: text },
        Content::SignedIn {
            subject: text,
            action: text,
            token: text,
        },
        Content::SigningOut { to: text },
        Content::SignedOut { to: text },
        Content::Failed {
            status: 502,
            code: text,
            message: text,
            to: text,
        },
    ]
}

fn header(page: &Page, name: &str) -> String {
    let mut found = page.headers.iter().filter(|header| header.0 == name);
    let value = found.next().map(|header| header.1.clone());
    assert!(found.next().is_none(), "{name} stands twice");
    value.unwrap_or_default()
}

fn html(content: Content<'_>) -> String {
    String::from_utf8(content.page().body).unwrap()
}

#[test]
fn nothing_that_is_shown_becomes_markup() {
    for content in all(HOSTILE) {
        let plain = html(match content {
            Content::SigningIn { .. } => Content::SigningIn { to: "/x" },
            Content::SignedIn { .. } => Content::SignedIn {
                subject: "x",
                action: "/x",
                token: "x",
            },
            Content::SigningOut { .. } => Content::SigningOut { to: "/x" },
            Content::SignedOut { .. } => Content::SignedOut { to: "/x" },
            Content::Failed { .. } => Content::Failed {
                status: 400,
                code: "x",
                message: "x",
                to: "/x",
            },
        });
        let page = html(content);
        for mark in ["<", ">", "\"", "<script", "<img", "\u{202e}", "\r"] {
            let (seen, expected) = (page.matches(mark).count(), plain.matches(mark).count());
            assert_eq!(seen, expected, "{mark:?} in {page}");
        }
    }
}

#[test]
fn a_link_leads_to_the_web_or_into_the_site_and_nowhere_else() {
    for to in [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "data:text/html,x",
        " javascript:alert(1)",
        "vbscript:x",
        "//evil.example",
        "/\\evil.example",
        "evil",
        "",
    ] {
        let page = html(Content::SignedOut { to });
        assert!(page.contains("<a href=\"/\">"), "{to}: {page}");
    }
    let page = html(Content::SigningIn {
        to: "https://sso.example.com/auth?a=b&c=d",
    });
    let link = "<a href=\"https://sso.example.com/auth?a=b&amp;c=d\">";
    assert!(page.contains(link), "{page}");
}

#[test]
fn a_browser_goes_on_by_itself_to_a_web_address_and_nowhere_else() {
    let to = "https://sso.example.com/end?a=b&c=%22d";
    let page = html(Content::SigningOut { to });
    let meta = "<meta http-equiv=\"refresh\" content=\"0;url=https://sso.example.com/end?a=b&amp;c=%22d\">";
    assert!(page.contains(meta), "{page}");
    assert!(page.contains("Continue to sign out"), "{page}");
    for to in [
        "javascript:alert(1)",
        "data:text/html,x",
        "/",
        "//evil.example",
        "",
    ] {
        let page = html(Content::SigningOut { to });
        assert!(!page.contains("refresh"), "{to}: {page}");
    }
    for content in all("https://sso.example.com/") {
        let goes = html(content).contains("refresh");
        assert_eq!(
            goes,
            matches!(content, Content::SigningOut { .. }),
            "{content:?}"
        );
    }
}

#[test]
fn every_page_forbids_scripts_frames_and_whatever_is_elsewhere() {
    for content in all("/path") {
        let page = content.page();
        let policy = header(&page, "content-security-policy");
        for part in [
            "default-src 'none'; ",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            "style-src 'sha256-",
        ] {
            assert!(policy.contains(part), "{part}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        for (name, value) in [
            ("content-type", "text/html; charset=utf-8"),
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
        ] {
            assert_eq!(header(&page, name), value, "{content:?}");
        }
        let body = String::from_utf8(page.body).unwrap();
        for word in [
            "<script", "src=", "url(", "@import", "<link", "style=", "http:",
        ] {
            assert!(!body.contains(word), "{word}: {body}");
        }
    }
}

#[test]
fn the_style_is_the_one_that_the_policy_allows() {
    let page = Content::SignedOut { to: "/" }.page();
    let body = String::from_utf8(page.body.clone()).unwrap();
    let style = body.split("<style>").nth(1).unwrap();
    let style = style.split("</style>").next().unwrap();
    let hash = STANDARD.encode(Sha256::digest(style));
    let policy = header(&page, "content-security-policy");
    assert!(policy.contains(&format!("'sha256-{hash}'")), "{policy}");
}

#[test]
fn only_the_page_with_a_form_may_send_one() {
    let page = Content::SignedIn {
        subject: "alice",
        action: "/.gate/logout",
        token: "t",
    }
    .page();
    assert_eq!(header(&page, "referrer-policy"), "same-origin");
    assert!(header(&page, "content-security-policy").contains("form-action 'self'; "));
    for content in [
        Content::SigningIn { to: "/" },
        Content::SigningOut { to: "/" },
        Content::SignedOut { to: "/" },
        Content::Failed {
            status: 400,
            code: "x",
            message: "x",
            to: "/",
        },
    ] {
        let page = content.page();
        let policy = header(&page, "content-security-policy");
        assert!(policy.contains("form-action 'none'; "), "{policy}");
        assert_eq!(
            header(&page, "referrer-policy"),
            "no-referrer",
            "{content:?}"
        );
    }
}

#[test]
fn a_page_has_a_status_a_language_one_heading_and_both_colour_schemes() {
    for (content, status) in all("/path").into_iter().zip([303, 200, 200, 200, 502]) {
        let page = content.page();
        assert_eq!(page.status, status, "{content:?}");
        let location = header(&page, "location");
        assert_eq!(location == "/path", status == 303, "{content:?}");
        let body = html(content);
        for (part, count) in [
            ("<html lang=\"en\">", 1),
            ("<h1>", 1),
            ("<main>", 1),
            ("<title>", 1),
            ("name=\"viewport\"", 1),
            ("prefers-color-scheme:dark", 1),
            (":focus-visible", 1),
        ] {
            assert_eq!(body.matches(part).count(), count, "{part}: {body}");
        }
        assert!(body.len() < 3_000, "{}", body.len());
    }
}

/// The contrast of two colours `#rgb` or `#rrggbb` (WCAG 2.2, relative luminance).
fn contrast(one: &str, other: &str) -> f64 {
    let luminance = |colour: &str| {
        let digits = colour.trim_start_matches('#');
        let wide: String = match digits.len() {
            3 => digits.chars().flat_map(|digit| [digit, digit]).collect(),
            _ => digits.to_owned(),
        };
        let part = |place| {
            let value = u8::from_str_radix(&wide[place..place + 2], 16).unwrap();
            let value = f64::from(value) / 255.0;
            if value <= 0.04045 {
                value / 12.92
            } else {
                ((value + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * part(0) + 0.7152 * part(2) + 0.0722 * part(4)
    };
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn text_can_be_read_on_its_ground_in_both_schemes() {
    let schemes: Vec<_> = STYLE.matches("--paper:").collect();
    assert_eq!(schemes.len(), 2);
    for scheme in STYLE.split(":root{").skip(1) {
        let colour = |name: &str| {
            let rest = scheme.split(&format!("--{name}:")).nth(1).unwrap();
            rest.split([';', '}']).next().unwrap()
        };
        for (text, ground) in [("ink", "paper"), ("faint", "paper"), ("on-act", "act")] {
            let seen = contrast(colour(text), colour(ground));
            assert!(seen >= 7.0, "{text} on {ground}: {seen:.1}");
        }
    }
}
