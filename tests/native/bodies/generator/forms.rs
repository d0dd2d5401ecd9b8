//! Seeded forms, from the usual to the hostile.

use super::Draw;

/// A form as it is sent, and what was done to it.
pub(crate) struct FormBody {
    pub content_type: Vec<u8>,
    pub query: Vec<u8>,
    pub bytes: Vec<u8>,
    /// the mutations; none for a usual form
    pub kinds: Vec<&'static str>,
}

const BOUNDARIES: [&str; 4] = [
    "xYz",
    "----WebKitFormBoundaryAbC",
    "0123456789abcdef",
    "a'b",
];

const MODELS: [&[u8]; 9] = [
    b"whisper",
    b"evil",
    b"",
    b"a\r\nb",
    b"\r\n--",
    b"--xY",
    b" whisper ",
    "k\u{212A}".as_bytes(),
    b"a\xffb",
];

const CONTENTS: [&[u8]; 6] = [
    b"RIFF\0\0\0\0",
    b"",
    b"\r\n\r\n--xY",
    b"\r\r\n\n--xYz",
    b"name=\"model\"\r\n\r\nevil",
    b"\xff\xfe\r",
];

/// What is done to one header line, under a name.
const LINES: [(&str, &str); 20] = [
    (
        "name in case",
        "Content-Disposition: form-data; name=\"Model\"",
    ),
    ("plain token", "Content-Disposition: form-data; name=model"),
    ("plain token", "content-disposition:FORM-DATA;NAME=model"),
    (
        "file",
        "Content-Disposition: form-data; name=\"model\"; filename=\"a\"",
    ),
    (
        "file",
        "Content-Disposition: form-data; name=\"model\"; filename=\"\"",
    ),
    (
        "file",
        "Content-Disposition: form-data; filename*=utf-8''a; name=model",
    ),
    (
        "extended",
        "Content-Disposition: form-data; name*=utf-8''model",
    ),
    (
        "extended",
        "Content-Disposition: form-data; name*0=mo; name*1=del",
    ),
    (
        "extended",
        "Content-Disposition: form-data; name=other; name*=utf-8''model",
    ),
    (
        "two names",
        "Content-Disposition: form-data; name=other; name=model",
    ),
    (
        "two lines",
        "Content-Disposition: form-data; name=other\r\nContent-Disposition: form-data; name=model",
    ),
    (
        "two lines",
        "Content-Disposition: form-data; name=model\r\nContent-Disposition: form-data; name=other",
    ),
    (
        "folded",
        "Content-Disposition: form-data;\r\n name=\"model\"",
    ),
    (
        "folded",
        "X: y\r\n Content-Disposition: z\r\nContent-Disposition: form-data; name=\"model\"",
    ),
    (
        "escapes",
        "Content-Disposition: form-data; name=\"mo\\del\"",
    ),
    (
        "escapes",
        "Content-Disposition: form-data; filename=\"\\\"; name=\"model\"",
    ),
    (
        "encoding",
        "Content-Transfer-Encoding: quoted-printable\r\nContent-Disposition: form-data; name=\"model\"",
    ),
    (
        "encoding",
        "Content-Transfer-Encoding: binary\r\nContent-Disposition: form-data; name=\"model\"",
    ),
    ("kind", "Content-Disposition: attachment; name=\"model\""),
    (
        "other headers",
        "X-A: b\r\nContent-Disposition: form-data; name=\"model\"\r\nContent-Type: text/plain",
    ),
];

const QUERIES: [&str; 8] = [
    "model=evil",
    "x=1&model=evil",
    "%6dodel=evil",
    "Model=evil",
    "model",
    "x=model",
    "ts=1",
    "a;model=b",
];

type Mutation = fn(&mut Vec<u8>, &[u8], &mut Draw);

/// What is done to the bytes; the boundary is an argument.
const MUTATIONS: [(&str, Mutation); 9] = [
    ("line feeds", |bytes, _, draw| {
        let breaks: Vec<usize> = (0..bytes.len())
            .filter(|place| bytes[*place] == b'\r')
            .collect();
        if !breaks.is_empty() {
            bytes.remove(draw.of(&breaks));
        }
    }),
    ("preamble", |bytes, _, draw| {
        let before: [&[u8]; 4] = [b"\r\n", b"preamble\r\n", b" ", b"\n"];
        bytes.splice(..0, draw.of(&before).iter().copied());
    }),
    ("epilogue", |bytes, boundary, draw| {
        let model = b"\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nevil\r\n--";
        let again = [b"--", boundary, model, boundary, b"--\r\n"].concat();
        let after: [&[u8]; 4] = [b"\r\n", b"x", &again, b"\0"];
        bytes.extend_from_slice(draw.of(&after));
    }),
    ("boundary changed", |bytes, boundary, draw| {
        let places: Vec<usize> = (0..bytes.len())
            .filter(|place| bytes[*place..].starts_with(boundary))
            .collect();
        if !places.is_empty() {
            let place = draw.of(&places) + boundary.len();
            bytes.insert(place, draw.of(b" \t-\nAx\r"));
        }
    }),
    ("boundary at once", |bytes, boundary, draw| {
        let open = [b"\r\n\r\n--", boundary].concat();
        let place = draw.below(bytes.len());
        bytes.splice(place..place, open);
    }),
    ("truncated", |bytes, _, draw| {
        bytes.truncate(draw.below(bytes.len()))
    }),
    ("byte changed", |bytes, _, draw| {
        let place = draw.below(bytes.len());
        bytes[place] = draw.of(b"\r\n-:;=\" \0amM\xff");
    }),
    ("byte put in", |bytes, _, draw| {
        let place = draw.below(bytes.len());
        bytes.insert(place, draw.of(b"\r\n-:;=\" \0amM\xff"));
    }),
    ("byte taken out", |bytes, _, draw| {
        bytes.remove(draw.below(bytes.len()));
    }),
];

/// The next form.
pub(crate) fn form(draw: &mut Draw) -> FormBody {
    let boundary = draw.of(&BOUNDARIES);
    let (mut bytes, mut kinds) = (Vec::new(), Vec::new());
    let mut part = |header: &str, content: &[u8]| {
        let head = format!("--{boundary}\r\n{header}\r\n\r\n");
        for piece in [head.as_bytes(), content, b"\r\n"] {
            bytes.extend_from_slice(piece);
        }
    };
    let model = draw.of(&MODELS);
    let usual = "Content-Disposition: form-data; name=\"model\"";
    let file = "Content-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\nContent-Type: audio/wav";
    let is_first = draw.chance(50);
    if is_first {
        part(file, draw.of(&CONTENTS));
    }
    match draw.below(100) {
        0..60 => part(usual, model),
        60..95 => {
            let (kind, line) = draw.of(&LINES);
            kinds.push(kind);
            part(line, model);
        }
        _ => {
            kinds.push("two models");
            part(usual, model);
            part(usual, draw.of(&MODELS));
        }
    }
    if !is_first {
        part("Content-Disposition: form-data; name=\"language\"", b"en");
        part(file, draw.of(&CONTENTS));
    }
    bytes.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    if draw.chance(35) {
        let (kind, mutate) = draw.of(&MUTATIONS);
        kinds.push(kind);
        mutate(&mut bytes, boundary.as_bytes(), draw);
    }
    let mut query = "";
    if draw.chance(8) {
        kinds.push("query");
        query = draw.of(&QUERIES);
    }
    let content_type = content_type(boundary, draw, &mut kinds);
    let query = query.as_bytes().to_vec();
    FormBody {
        content_type,
        query,
        bytes,
        kinds,
    }
}

fn content_type(boundary: &str, draw: &mut Draw, kinds: &mut Vec<&'static str>) -> Vec<u8> {
    const TYPES: [&str; 14] = [
        "Multipart/Form-Data; Boundary=\"XX\"",
        "multipart/form-data; charset=utf-8; boundary=XX",
        "multipart/form-data; boundary=XX; boundary=other",
        "multipart/form-data; boundary=other; boundary=XX",
        "multipart/form-data; boundary*=utf-8''XX",
        "multipart/mixed; boundary=XX",
        "multipart/form-data; boundary=XX;",
        "multipart/form-data; boundary=\"XX\\\"",
        "multipart/form-data; boundary=",
        // Two fields that somebody has joined.
        "multipart/form-data; boundary=XX, multipart/form-data; boundary=other",
        "multipart/form-data; boundary=other,multipart/form-data; boundary=XX",
        "multipart/form-data; boundary=\"XX\",multipart/form-data; boundary=\"other\"",
        "multipart/form-data; boundary=XX; a=\",multipart/form-data; boundary=\"other",
        "multipart/form-data,multipart/form-data; boundary=XX",
    ];
    let usual = "multipart/form-data; boundary=XX";
    let value = if draw.chance(10) {
        kinds.push("content type");
        draw.of(&TYPES)
    } else {
        usual
    };
    value.replace("XX", boundary).into_bytes()
}
