//! Counts the instructions that a module executes.
//!
//! The fuel of the interpreter is no measure of that: it charges a function's whole body, but for its loops
//! and `if`s, at its entry. Two thirds of what a request seemed to cost was code that it branched over, and a
//! rule that nobody had configured cost as much as one that ran. So the module is given a counter, and each
//! stretch of code that runs from end to end adds its length to it.

use std::ops::Range;

use wasmi::Val;
use wasmparser::{BinaryReaderError, Operator, Parser, Payload};

/// The global, exported, with the number of instructions that were executed.
pub const COUNTER: &str = "instructions executed";

/// What the counter says; nothing where there is none.
#[must_use]
pub fn read(counter: Option<Val>) -> u64 {
    let counted = counter.and_then(|counter| counter.i64());
    counted.map_or(0, i64::cast_unsigned)
}

const EXPORTED_GLOBAL: u8 = 3;
/// `i64`, mutable, `i64.const 0`, `end`.
const ZERO: [u8; 5] = [0x7e, 0x01, 0x42, 0x00, 0x0b];
const GLOBAL_GET: u8 = 0x23;
const GLOBAL_SET: u8 = 0x24;
const I64_CONST: u8 = 0x42;
const I64_ADD: u8 = 0x7c;

/// `wasm`, a module with globals and exports, with a counter.
///
/// # Errors
/// It is no valid module.
pub fn metered(wasm: &[u8]) -> Result<Vec<u8>, BinaryReaderError> {
    let mut out = wasm[..8].to_vec();
    let mut globals = 0;
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::GlobalSection(section) => {
                globals = section.count();
                let all = &wasm[section.range()];
                write_section(&mut out, 6, longer(all, globals, &ZERO));
            }
            Payload::ExportSection(section) => {
                let mut entry = Vec::new();
                write_number(&mut entry, COUNTER.len());
                entry.extend(COUNTER.bytes());
                entry.push(EXPORTED_GLOBAL);
                write_number(&mut entry, globals as usize);
                let all = &wasm[section.range()];
                write_section(&mut out, 7, longer(all, section.count(), &entry));
            }
            Payload::CodeSectionStart { range, .. } => {
                let code = metered_code(wasm, range, globals)?;
                write_section(&mut out, 10, code);
            }
            Payload::CodeSectionEntry(_) => {}
            other => {
                if let Some((id, range)) = other.as_section() {
                    write_section(&mut out, id, wasm[range].to_vec());
                }
            }
        }
    }
    Ok(out)
}

/// The contents `all` of a section with `count` entries, and one `entry` more.
fn longer(all: &[u8], count: u32, entry: &[u8]) -> Vec<u8> {
    let mut before = Vec::new();
    write_number(&mut before, count as usize);
    let mut contents = Vec::new();
    write_number(&mut contents, count as usize + 1);
    contents.extend(&all[before.len()..]);
    contents.extend(entry);
    contents
}

fn metered_code(
    wasm: &[u8],
    range: Range<usize>,
    counter: u32,
) -> Result<Vec<u8>, BinaryReaderError> {
    let section = wasmparser::BinaryReader::new(&wasm[range.clone()], range.start);
    let bodies = wasmparser::CodeSectionReader::new(section)?;
    let mut code = Vec::new();
    write_number(&mut code, bodies.count() as usize);
    for body in bodies {
        let body = body?;
        let operators = body.get_operators_reader()?.into_iter_with_offsets();
        let mut metered = Vec::new();
        // What is not copied yet, and how many instructions that is.
        let (mut from, mut count) = (body.range().start, 0);
        for operator in operators {
            let (operator, at) = operator?;
            count += i64::from(is_executed(&operator));
            if leaves_the_straight(&operator) && count > 0 {
                metered.extend(&wasm[from..at]);
                write_addition(&mut metered, counter, count);
                (from, count) = (at, 0);
            }
        }
        metered.extend(&wasm[from..body.range().end]);
        write_number(&mut code, metered.len());
        code.extend(metered);
    }
    Ok(code)
}

/// Whether an engine makes anything of it.
fn is_executed(operator: &Operator<'_>) -> bool {
    !matches!(
        operator,
        Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::Else
            | Operator::End
            | Operator::Nop
            | Operator::Drop
            | Operator::Return
            | Operator::Unreachable
    )
}

/// Whether what follows may not run, or may run without what stands before.
fn leaves_the_straight(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::Else
            | Operator::End
            | Operator::Br { .. }
            | Operator::BrIf { .. }
            | Operator::BrTable { .. }
            | Operator::Return
            | Operator::Unreachable
            // A host call is noted with what was executed until then.
            | Operator::Call { .. }
            | Operator::CallIndirect { .. }
    )
}

fn write_addition(out: &mut Vec<u8>, counter: u32, count: i64) {
    out.push(GLOBAL_GET);
    write_number(out, counter as usize);
    out.push(I64_CONST);
    write_signed(out, count);
    out.extend([I64_ADD, GLOBAL_SET]);
    write_number(out, counter as usize);
}

fn write_section(out: &mut Vec<u8>, id: u8, contents: Vec<u8>) {
    out.push(id);
    write_number(out, contents.len());
    out.extend(contents);
}

/// LEB128, unsigned.
fn write_number(out: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// LEB128 of a number that is not negative, signed.
fn write_signed(out: &mut Vec<u8>, mut number: i64) {
    while number >= 0x40 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmi::{Engine, Linker, Module, Store};

    /// A branch that 0 takes, a loop that any other number goes through so often, and an `else` for 0.
    const BRANCHES: &str = r#"(module (global i32 (i32.const 0)) (func (export "f") (param i32) (result i32)
        (block (br_if 0 (i32.eqz (local.get 0)))
            (drop (i32.const 1)) (drop (i32.const 2)) (drop (i32.const 3)))
        (loop (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
            (br_if 0 (i32.gt_s (local.get 0) (i32.const 0))))
        (if (i32.eqz (local.get 0)) (then (nop)) (else (drop (i32.const 1))))
        (i32.const 7)))"#;

    fn executed(argument: i32) -> (i32, i64) {
        let wasm = wat::parse_str(BRANCHES).unwrap();
        let engine = Engine::default();
        let module = Module::new(&engine, metered(&wasm).unwrap()).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = Linker::<()>::new(&engine).instantiate_and_start(&mut store, &module);
        let instance = instance.unwrap();
        let function = instance.get_func(&store, "f").unwrap();
        let mut result = [Val::I32(0)];
        function
            .call(&mut store, &[Val::I32(argument)], &mut result)
            .unwrap();
        let counter = instance.get_global(&store, COUNTER).unwrap().get(&store);
        (result[0].i32().unwrap(), counter.i64().unwrap())
    }

    #[test]
    fn what_is_branched_over_is_not_counted_and_what_is_repeated_is_each_time() {
        // Up to the branch three, up to the loop three, eight in each turn of it, up to the `if` three.
        assert_eq!(executed(0), (7, 3 + 8 + 3 + 1 + 1));
        assert_eq!(executed(1), (7, 3 + 3 + 8 + 3 + 1));
        assert_eq!(executed(5), (7, 3 + 3 + 5 * 8 + 3 + 1));
    }
}
