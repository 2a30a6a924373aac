//! The bundle that ships.

use legator_engine::Bundle;

#[test]
fn the_shipped_bundle_loads() {
    let bundle = Bundle::load(&Bundle::shipped()).unwrap_or_else(|faults| {
        let said: Vec<String> = faults.iter().map(legator_engine::Fault::render).collect();
        panic!("{}", said.join("\n"))
    });
    assert_eq!(bundle.revision().len(), 64);
    assert!(bundle.policies().count() > 10);
    assert_eq!(bundle.scripts().count(), 1);
}
