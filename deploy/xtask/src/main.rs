//! x
mod tidy;
mod workspace;
fn main() {
    let root = std::env::args().nth(1).map(Into::into).unwrap_or_else(|| workspace::root().unwrap());
    println!("{}", tidy::look(&root).unwrap());
}
