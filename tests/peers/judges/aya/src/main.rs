//! What aya makes of the instructions of BPF objects on a kernel:
//!
//!     aya-answers VMLINUX OBJECT...
//!
//! For each object one line: its path, a tab, and "error: ..." or, for each function, SECTION:OFFSET:HEX with its instructions.

use std::{env, fs, panic};

use aya_obj::{btf::Btf, Object};

fn relocated(path: &str, kernel: &Btf) -> Result<String, String> {
    let data = fs::read(path).map_err(|e| e.to_string())?;
    let mut object = Object::parse(&data).map_err(|e| chain(&e))?;
    object.relocate_btf(kernel).map_err(|e| chain(&e))?;
    let mut parts = Vec::new();
    for function in object.functions.values() {
        let mut text = format!("{}:{}:", function.section_index.0, function.section_offset);
        for insn in &function.instructions {
            let registers = insn.dst_reg() | insn.src_reg() << 4;
            text += &format!("{:02x}{:02x}", insn.code, registers);
            for byte in insn.off.to_le_bytes().iter().chain(insn.imm.to_le_bytes().iter()) {
                text += &format!("{byte:02x}");
            }
        }
        parts.push(text);
    }
    Ok(parts.join(" "))
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text += &format!(": {error}");
        next = error.source();
    }
    text.replace(['\n', '\t'], " ")
}

fn main() {
    let paths: Vec<String> = env::args().skip(1).collect();
    panic::set_hook(Box::new(|_| {}));
    let kernel = Btf::parse(&fs::read(&paths[0]).unwrap(), Default::default()).unwrap_or_else(|error| {
        eprintln!("{}", chain(&error));
        std::process::exit(1)
    });
    for path in &paths[1..] {
        let found = panic::catch_unwind(panic::AssertUnwindSafe(|| relocated(path, &kernel)));
        match found.unwrap_or_else(|_| Err("panic".to_string())) {
            Ok(text) => println!("{path}\t{text}"),
            Err(text) => println!("{path}\terror: {text}"),
        }
    }
}
