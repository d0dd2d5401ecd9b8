//! The module's memory: a small block that is freed is kept for the next of its size.
//!
//! A request makes a handful of small blocks and frees them all. The allocator of the standard library looks for
//! neighbours to merge each time, which took an eighth of the instructions of a decision.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr::{NonNull, null_mut};

/// Every block of the module is one of these.
#[cfg(target_os = "wasi")]
#[global_allocator]
static MEMORY: Recycler = Recycler::above(System);

/// How many sizes there are: 12 bytes, 28, 44 and so on. With the header that the allocator beneath gives each
/// block, these are sizes that it hands out anyway.
const CLASSES: usize = 128;
const STEP: usize = 16;
const HEADER: usize = 4;
/// The allocator beneath aligns every block so.
const ALIGNMENT: usize = 8;
/// How many steps of one size are kept, 16 kB: what a burst needed is there for other sizes after it.
const MAX_KEPT: usize = 1024;

/// Keeps freed blocks, and takes others from the allocator beneath.
pub(crate) struct Recycler<A = System> {
    beneath: A,
    classes: [Class; CLASSES],
}

/// The freed blocks of one size.
struct Class {
    /// each has the next one's address in its first bytes
    first: Cell<Option<NonNull<Freed>>>,
    /// how many steps they have together
    kept: Cell<usize>,
}

struct Freed {
    next: Option<NonNull<Self>>,
}

impl Class {
    const fn new() -> Self {
        Self {
            first: Cell::new(None),
            kept: Cell::new(0),
        }
    }
}

// SAFETY: a module of proxy-wasm runs on one thread, and a test on the one that made it.
unsafe impl<A> Sync for Recycler<A> {}

impl<A> Recycler<A> {
    /// Nothing is kept yet.
    pub(crate) const fn above(beneath: A) -> Self {
        Self {
            beneath,
            classes: [const { Class::new() }; CLASSES],
        }
    }

    /// The class of a block for `layout`, and how many steps each block of it has; none of a large one.
    #[inline]
    fn class(&self, layout: Layout) -> Option<(&Class, usize)> {
        let steps = layout.size().wrapping_add(STEP + HEADER - 1) / STEP;
        let class = self.classes.get(steps.wrapping_sub(1))?;
        (layout.align() <= ALIGNMENT).then_some((class, steps))
    }
}

/// The layout that all blocks of so many steps have.
#[inline]
fn layout_of(steps: usize) -> Layout {
    let size = steps.wrapping_mul(STEP).wrapping_sub(HEADER);
    // SAFETY: the alignment is a power of two, and no class is of a size near the end of all addresses.
    unsafe { Layout::from_size_align_unchecked(size, ALIGNMENT) }
}

// SAFETY: a block is handed out by `beneath`, or was handed out before with the same layout, that of its class, and has
// been freed since. A class is a function of the layout, so a block returns to the class it is from.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Recycler<A> {
    #[inline(never)] // the module has thousands of places that ask for a block
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some((class, steps)) = self.class(layout) else {
            // SAFETY: as the caller promises.
            return unsafe { self.beneath.alloc(layout) };
        };
        let Some(block) = class.first.get() else {
            // SAFETY: no class has blocks of no bytes.
            return unsafe { self.beneath.alloc(layout_of(steps)) };
        };
        // SAFETY: it is kept, so it was freed, and `dealloc` wrote it.
        class.first.set(unsafe { block.read() }.next);
        class.kept.set(class.kept.get().wrapping_sub(steps));
        block.as_ptr().cast()
    }

    #[inline(never)] // as above
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some((class, steps)) = self.class(layout) else {
            // SAFETY: it is from there, as the caller promises.
            return unsafe { self.beneath.dealloc(block, layout) };
        };
        let kept = class.kept.get().wrapping_add(steps);
        let freed = NonNull::new(block.cast::<Freed>()).filter(|_| kept <= MAX_KEPT);
        let Some(freed) = freed else {
            // SAFETY: as above; every block of the class has this layout.
            return unsafe { self.beneath.dealloc(block, layout_of(steps)) };
        };
        let next = class.first.get();
        // SAFETY: nobody uses it any more, no block is smaller than an address, and all are aligned for one.
        unsafe { freed.write(Freed { next }) };
        class.first.set(Some(freed));
        class.kept.set(kept);
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if self.class(layout).is_none() {
            // SAFETY: as the caller promises.
            return unsafe { self.beneath.alloc_zeroed(layout) };
        }
        // SAFETY: as the caller promises; the block has so many bytes.
        unsafe {
            let block = self.alloc(layout);
            if !block.is_null() {
                block.write_bytes(0, layout.size());
            }
            block
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Ok(wanted) = Layout::from_size_align(size, layout.align()) else {
            return null_mut();
        };
        match (self.class(layout), self.class(wanted)) {
            // SAFETY: both are large, so it is from there.
            (None, None) => unsafe { self.beneath.realloc(block, layout, size) },
            (Some((_, old)), Some((_, new))) if old == new => block,
            // SAFETY: the layouts are the caller's. The blocks are two, so they do not overlap, and each has so many bytes.
            _ => unsafe {
                let other = self.alloc(wanted);
                if !other.is_null() {
                    other.copy_from_nonoverlapping(block, layout.size().min(size));
                    self.dealloc(block, layout);
                }
                other
            },
        }
    }
}

#[cfg(test)]
#[path = "allocator_tests.rs"]
mod tests;
