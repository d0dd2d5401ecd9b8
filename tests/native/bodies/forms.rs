//! Forms with an audio file: what the gate reads from them, and what it refuses to read.

use super::generator::{self, Draw};
use ollama_gate_engine::internals::{BodyError, FormScanner, MAX_KEPT, Members};

const TYPE: &[u8] = b"multipart/form-data; boundary=xYz";

const MODEL: &str = "--xYz\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper\r\n";
const FILE: &str = "--xYz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\
    Content-Type: audio/wav\r\n\r\nRIFF\r\n-\r\n--\r\n--xY\0\u{ff}\r\n";
const END: &str = "--xYz--\r\n";

fn read_in(body: &[u8], size: usize) -> Result<Members, BodyError> {
    let mut scanner = FormScanner::new(TYPE)?;
    for chunk in body.chunks(size) {
        scanner.feed(chunk)?;
    }
    scanner.finish()
}

/// Reads `body`, whole and in small chunks, which must come to the same.
fn read(body: impl AsRef<[u8]>) -> Result<Members, BodyError> {
    let body = body.as_ref();
    let whole = read_in(body, body.len().max(1));
    for size in 1..10 {
        assert_eq!(read_in(body, size), whole, "in chunks of {size}");
    }
    whole
}

fn model(body: impl AsRef<[u8]>) -> Option<String> {
    read(body).unwrap().model
}

/// A form of one part, with these lines of a header.
fn part(header: &str) -> String {
    format!("--xYz\r\n{header}\r\n\r\nwhisper\r\n{END}")
}

#[test]
fn the_model_is_found_before_and_behind_the_file() {
    for body in [[MODEL, FILE, END], [FILE, MODEL, END]] {
        let body = body.concat();
        let form = read(&body).unwrap();
        assert_eq!(form.model.as_deref(), Some("whisper"), "{body:?}");
        assert_eq!(form.bytes, body.len() as u64, "{body:?}");
    }
    assert_eq!(model([FILE, END].concat()), None);
    assert_eq!(
        model([MODEL, "--xYz--"].concat()).as_deref(),
        Some("whisper")
    );
}

#[test]
fn a_form_cut_in_two_anywhere_reads_as_the_whole() {
    let body = [FILE, MODEL, FILE, END].concat().into_bytes();
    for end in 0..=body.len() {
        let mut scanner = FormScanner::new(TYPE).unwrap();
        scanner.feed(&body[..end]).unwrap();
        scanner.feed(&body[end..]).unwrap();
        assert_eq!(
            scanner.finish().unwrap().model.as_deref(),
            Some("whisper"),
            "{end}"
        );
    }
}

#[test]
fn other_headers_and_plain_variants_are_taken() {
    for header in [
        "Content-Disposition: form-data; name=model",
        "content-disposition:form-data;name=\"model\"",
        "CONTENT-DISPOSITION: Form-Data; NAME=\"model\"",
        "Content-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; name=\"model\"",
        "Content-Disposition: form-data; name=\"model\"\r\nContent-Transfer-Encoding: 8bit",
        "Content-Length: 7\r\nX-Other:\r\nContent-Disposition: form-data; name=\"model\"",
    ] {
        assert_eq!(model(part(header)).as_deref(), Some("whisper"), "{header}");
    }
}

#[test]
fn the_content_of_the_model_is_kept_to_the_byte() {
    let form = |content: &str| {
        part("Content-Disposition: form-data; name=\"model\"").replace("whisper", content)
    };
    for content in [
        "",
        "-",
        "--",
        "--x",
        "--xY-",
        "\r",
        "\r\n",
        "\r\n--xY",
        "\r\r\n--xy",
        " a\u{e9} ",
        "\r\n\r\n",
    ] {
        assert_eq!(
            model(form(content)).as_deref(),
            Some(content),
            "{content:?}"
        );
    }
    let long = "a".repeat(MAX_KEPT);
    assert_eq!(model(form(&long)).as_deref(), Some(&long[..]));
    let too_long = Err(BodyError::TooLong("model"));
    assert_eq!(read(form(&(long + "a"))), too_long);
    let broken = form("whis\u{0}per").replace('\0', "\u{fffd}");
    assert!(read(broken).is_ok());
    let mut bytes = form("whisper").into_bytes();
    let place = bytes
        .windows(7)
        .position(|window| window == b"whisper")
        .unwrap();
    bytes[place] = 0xFF;
    assert_eq!(read(bytes), Err(BodyError::NotUnicode));
}

#[test]
fn a_field_that_go_would_not_take_is_not_the_model() {
    for name in ["models", "mode", "model[]", "model2", "m\u{f6}del", "file"] {
        let header = format!("Content-Disposition: form-data; name=\"{name}\"");
        assert_eq!(model(part(&header)), None, "{name}");
    }
}

#[test]
fn a_second_model_or_another_spelling_is_refused() {
    let twice = Err(BodyError::Duplicate("model"));
    assert_eq!(read([MODEL, MODEL, END].concat()), twice);
    assert_eq!(read([MODEL, FILE, MODEL, END].concat()), twice);
    for name in ["Model", "MODEL", " model", "model ", "\u{a0}model"] {
        let header = format!("Content-Disposition: form-data; name=\"{name}\"");
        assert_eq!(
            read(part(&header)),
            Err(BodyError::Spelling("model")),
            "{name}"
        );
    }
}

#[test]
fn a_model_that_is_a_file_is_refused() {
    for file in [
        "filename=\"a\"",
        "filename=a",
        "filename=\"\"",
        "filename*=utf-8''a",
        "FileName=a",
    ] {
        let header = format!("Content-Disposition: form-data; name=\"model\"; {file}");
        assert_eq!(
            read(part(&header)),
            Err(BodyError::WrongType("model")),
            "{file}"
        );
    }
}

#[test]
fn encodings_are_refused_on_every_part() {
    for name in ["model", "other"] {
        for encoding in ["quoted-printable", "QUOTED-PRINTABLE", "base64", "x", ""] {
            for header in [
                format!(
                    "Content-Disposition: form-data; name={name}\r\nContent-Transfer-Encoding: {encoding}"
                ),
                format!(
                    "content-transfer-encoding:{encoding}\r\nContent-Disposition: form-data; name={name}"
                ),
            ] {
                assert_eq!(
                    read(part(&header)),
                    Err(BodyError::FormEncoding),
                    "{header}"
                );
            }
        }
    }
}

#[test]
fn a_header_that_readers_could_differ_on_is_refused() {
    let long = format!(
        "X: {}\r\nContent-Disposition: form-data; name=a",
        "b".repeat(3000)
    );
    let many = "X: b\r\n".repeat(20) + "Content-Disposition: form-data; name=a";
    for header in [
        "X: y",
        "Content-Disposition: form-data",
        "Content-Disposition: form-data; filename=\"a\"",
        "Content-Disposition: attachment; name=\"model\"",
        "Content-Disposition: form-data; name=\"model\"; name=\"a\"",
        "Content-Disposition: form-data; name=\"mo\\del\"",
        "Content-Disposition: form-data; filename=\"\\\"; name=\"model\"",
        "Content-Disposition: form-data; name*=utf-8''model",
        "Content-Disposition: form-data; name=a; name*=utf-8''model",
        "Content-Disposition: form-data; name*0=mo; name*1=del",
        "Content-Disposition: form-data; filename*0=a; name=b",
        "Content-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=model",
        "Content-Disposition: form-data;\r\n name=\"model\"",
        "Content-Disposition : form-data; name=\"model\"",
        " Content-Disposition: form-data; name=\"model\"",
        "Content-Disposition form-data",
        ": x\r\nContent-Disposition: form-data; name=a",
        "X: \0\r\nContent-Disposition: form-data; name=a",
        "X: a\rb\r\nContent-Disposition: form-data; name=a",
        &long,
        &many,
    ] {
        assert_eq!(read(part(header)), Err(BodyError::FormHeader), "{header:?}");
    }
    let empty = format!("--xYz\r\n\r\nwhisper\r\n{END}");
    assert_eq!(read(empty), Err(BodyError::FormHeader));
    let not_unicode = [
        b"--xYz\r\nContent-Disposition: form-data; name=\"\xff\"\r\n\r\n",
        END.as_bytes(),
    ]
    .concat();
    assert_eq!(read(not_unicode), Err(BodyError::NotUnicode));
}

#[test]
fn parts_are_set_apart_as_the_standard_has_it() {
    let body = [MODEL, FILE, END].concat();
    for wrong in [
        format!("preamble\r\n{body}"),
        format!("\r\n{body}"),
        format!(" {body}"),
        format!("{body}{body}"),
        format!("{body}\r\n"),
        format!("{body}epilogue"),
        body.replace("\r\n", "\n"),
        body.replacen("--xYz\r\n", "--xYz \r\n", 1),
        body.replacen("--xYz\r\n", "--xYz\n", 1),
        body.replacen("whisper\r\n--xYz\r\n", "whisper\r\n--xYz\t\r\n", 1),
        body.replacen("whisper\r\n--xYz\r\n", "whisper\r\n--xYzA\r\n", 1),
        body.replacen("whisper\r\n--xYz\r\n", "whisper\r\n--xYz-\r\n", 1),
        body.replacen("\r\n\r\nwhisper\r\n", "\r\n\r\n", 1),
        body.replace("--xYz--", "--xYz-- "),
        body.replace("--xYz--\r\n", "--xYz--\n"),
        body.replacen("name=\"model\"\r\n", "name=\"model\"\n", 1),
        "--other\r\n".to_owned(),
        "{}".to_owned(),
    ] {
        assert_eq!(read(&wrong), Err(BodyError::FormSyntax), "{wrong:?}");
    }
}

#[test]
fn a_form_has_to_end() {
    let body = [MODEL, FILE, END].concat();
    let last = body.len() - "\r\n".len();
    for end in (0..last).chain([last + 1]) {
        assert_eq!(
            read_in(&body.as_bytes()[..end], 7),
            Err(BodyError::Truncated),
            "{end}"
        );
    }
}

#[test]
fn only_a_form_with_one_plain_boundary_is_one() {
    let open = |value: &[u8]| FormScanner::new(value).map(drop);
    for value in [
        &b"multipart/form-data; boundary=xYz"[..],
        b"Multipart/Form-Data; Boundary=\"x Yz\"; charset=utf-8",
        b"multipart/form-data;boundary=----WebKitFormBoundaryAbC0123",
        b"multipart/form-data; boundary=\"a:b/c?d=e,(f)'+_.\"",
    ] {
        let shown = String::from_utf8_lossy(value);
        let expected = if shown.contains("x Yz") {
            Err(BodyError::NotAForm)
        } else {
            Ok(())
        };
        assert_eq!(open(value), expected, "{shown}");
    }
    let long = format!("multipart/form-data; boundary={}", "a".repeat(71));
    for value in [
        &b""[..],
        b"application/json",
        b"multipart/mixed; boundary=a",
        b"multipart/form-data",
        b"multipart/form-data; boundary=",
        b"multipart/form-data; boundary=\"\"",
        b"multipart/form-data; boundary=a; boundary=b",
        b"multipart/form-data; boundary*=utf-8''a",
        b"multipart/form-data; boundary*0=a",
        b"multipart/form-data; boundary=\"a\\b\"",
        b"multipart/form-data; boundary=a@b",
        b"multipart/form-data; boundary=a, multipart/form-data; boundary=b",
        b"multipart/form-data; boundary=a,multipart/form-data; boundary=a",
        b"multipart/form-data; boundary=\"a\",multipart/form-data; boundary=\"b\"",
        b"multipart/form-data; boundary=\"a\", multipart/form-data",
        b"multipart/form-data,multipart/form-data; boundary=a",
        b"application/json, multipart/form-data; boundary=a",
        b"multipart/form-data; x=\",multipart/form-data; boundary=\"a",
        b", multipart/form-data; boundary=a",
        b"multipart/form-data; boundary=a,",
        b"multipart/form-data; boundary=\xff",
        b"application/x-www-form-urlencoded; boundary=a",
        long.as_bytes(),
    ] {
        let shown = String::from_utf8_lossy(value);
        assert_eq!(open(value), Err(BodyError::NotAForm), "{shown}");
    }
}

#[test]
fn what_was_refused_once_stays_refused() {
    let mut scanner = FormScanner::new(TYPE).unwrap();
    assert_eq!(scanner.feed(b"x"), Err(BodyError::FormSyntax));
    assert_eq!(
        scanner.feed([MODEL, END].concat().as_bytes()),
        Err(BodyError::FormSyntax)
    );
    assert_eq!(scanner.finish(), Err(BodyError::FormSyntax));
}

#[test]
fn a_hundred_megabytes_of_audio_pass_and_a_few_kilobytes_are_held() {
    let mut scanner = FormScanner::new(TYPE).unwrap();
    let mut sent = 0;
    let (head, _) = FILE.split_once("RIFF").unwrap();
    let audio = b"RIFF\r\n--xY\r\n--xy\0\0\0\0".repeat(50_000);
    let mut feed = |bytes: &[u8]| {
        for chunk in bytes.chunks(65536) {
            scanner.feed(chunk).unwrap();
            sent += chunk.len() as u64;
            assert!(
                scanner.memory_bytes() < 5 * MAX_KEPT,
                "{chunk:?}: {}",
                scanner.memory_bytes()
            );
        }
    };
    feed(head.as_bytes());
    for _ in 0..5 {
        feed(&audio);
    }
    let silence = vec![0; 1 << 20];
    for _ in 0..95 {
        feed(&silence);
    }
    feed(["\r\n", MODEL, END].concat().as_bytes());
    let form = scanner.finish().unwrap();
    assert!(sent > 100_000_000);
    assert_eq!((form.model.as_deref(), form.bytes), (Some("whisper"), sent));
}

#[test]
fn forms_from_a_seed_read_the_same_in_any_chunks() {
    let mut draw = Draw::new(29);
    let mut accepted = 0;
    for _ in 0..20_000 {
        let form = generator::form(&mut draw);
        let read = |size| {
            let mut scanner = FormScanner::new(&form.content_type)?;
            for chunk in form.bytes.chunks(size) {
                scanner.feed(chunk)?;
            }
            scanner.finish()
        };
        let whole = read(form.bytes.len().max(1));
        assert_eq!(read(1 + draw.below(30)), whole);
        assert_eq!(read(1), whole);
        accepted += usize::from(whole.is_ok());
    }
    assert!(accepted > 4000, "{accepted}");
}
