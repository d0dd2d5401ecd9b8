use super::*;

/// Counts what is asked of the allocator beneath.
#[derive(Default)]
struct Counted {
    given: Cell<usize>,
    /// those that are out, with their layouts
    out: std::cell::RefCell<std::collections::HashMap<usize, Layout>>,
}

// SAFETY: it is the allocator of the system.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.given.set(self.given.get() + 1);
        // SAFETY: as the caller promises.
        let block = unsafe { System.alloc(layout) };
        self.out.borrow_mut().insert(block.addr(), layout);
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let given = self.out.borrow_mut().remove(&block.addr());
        assert_eq!(given, Some(layout), "freed as it was given");
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(block, layout) };
    }
}

fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, 1).unwrap()
}

/// A block of `size` bytes, each of them `byte`.
fn block(memory: &Recycler<Counted>, size: usize, byte: u8) -> *mut u8 {
    // SAFETY: no size here is 0, and the block has so many bytes.
    unsafe {
        let block = memory.alloc(layout(size));
        block.write_bytes(byte, size);
        block
    }
}

fn bytes<'b>(block: *mut u8, size: usize) -> &'b [u8] {
    // SAFETY: it is out, and has so many bytes.
    unsafe { std::slice::from_raw_parts(block, size) }
}

fn free(memory: &Recycler<Counted>, block: *mut u8, size: usize) {
    // SAFETY: it is out, with this size.
    unsafe { memory.dealloc(block, layout(size)) }
}

#[test]
fn a_freed_block_is_given_to_the_next_of_its_size_and_to_no_other() {
    let memory = Recycler::above(Counted::default());
    for size in [1, 12, 13, 28, 29, 100, 1024, 2044] {
        let first = block(&memory, size, 1);
        free(&memory, first, size);
        let other = block(&memory, size + 16, 2);
        assert_ne!(other, first, "{size} + 16 bytes");
        assert_eq!(block(&memory, size, 3), first, "{size} bytes");
        assert_ne!(block(&memory, size, 4), first, "{size} bytes, out twice");
    }
}

#[test]
fn what_is_kept_of_one_size_has_a_bound() {
    let memory = Recycler::above(Counted::default());
    for size in [1, 12, 100, 1000, 2044] {
        let blocks: Vec<_> = (0..3000).map(|_| block(&memory, size, 1)).collect();
        blocks.iter().for_each(|one| free(&memory, *one, size));
        let kept = memory.beneath.out.borrow().len();
        assert!(kept > 0 && kept * size <= MAX_KEPT * STEP, "{size}: {kept}");
        let again: Vec<_> = (0..kept).map(|_| block(&memory, size, 1)).collect();
        assert_eq!(memory.beneath.out.borrow().len(), kept, "{size}");
        // Nothing of this size is kept for the next row.
        for one in again {
            memory.beneath.out.borrow_mut().remove(&one.addr());
        }
    }
}

#[test]
fn a_large_block_and_one_of_a_high_alignment_are_those_of_the_allocator_beneath() {
    let memory = Recycler::above(Counted::default());
    for layout in [
        Layout::from_size_align(2045, 1).unwrap(),
        Layout::from_size_align(1 << 20, 8).unwrap(),
        Layout::from_size_align(64, 16).unwrap(),
    ] {
        // SAFETY: no size is 0, and what is given is freed as it was given.
        unsafe { memory.dealloc(memory.alloc(layout), layout) };
        assert_eq!(memory.beneath.out.borrow().len(), 0, "{layout:?}");
    }
}

#[test]
fn a_block_that_grows_or_shrinks_keeps_its_bytes() {
    let memory = Recycler::above(Counted::default());
    let sizes = [
        1, 12, 13, 100, 2044, 2045, 5000, 3000, 2000, 101, 100, 12, 2,
    ];
    let mut last = sizes[0];
    let mut own = block(&memory, last, 7);
    for size in sizes {
        // SAFETY: it is out, with this size.
        own = unsafe { memory.realloc(own, layout(last), size) };
        let least = last.min(size);
        assert_eq!(bytes(own, least), vec![7; least], "{last} to {size}");
        // SAFETY: it has so many bytes.
        unsafe { own.write_bytes(7, size) };
        last = size;
    }
    free(&memory, own, last);
}

#[test]
fn blocks_that_are_out_never_overlap() {
    let memory = Recycler::above(Counted::default());
    let mut out: Vec<(*mut u8, usize, u8)> = Vec::new();
    let mut number = 1_u32;
    for turn in 0..20_000_u32 {
        number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if out.len() > 40 || (number >> 31 == 0 && !out.is_empty()) {
            let place = number as usize % out.len();
            let (own, size, byte) = out.swap_remove(place);
            assert!(
                bytes(own, size).iter().all(|own| *own == byte),
                "turn {turn}"
            );
            free(&memory, own, size);
        } else {
            let size = (number >> 8) as usize % 2300 + 1;
            let byte = turn as u8;
            out.push((block(&memory, size, byte), size, byte));
        }
    }
    assert!(
        memory.beneath.given.get() < 8_000,
        "hardly any was used again"
    );
}
