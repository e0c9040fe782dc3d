//! Queue peer: crossbeam's channels, bounded and unbounded, behind the table of queue_bench.h.

use crossbeam_channel::{bounded, unbounded, Receiver, Sender, TrySendError};
use std::os::raw::{c_char, c_uint, c_void};

#[repr(C)]
pub struct Message {
    link: *mut c_void,
    payload: usize,
}

struct Pointer(*const Message);
// The benchmark's messages outlive every queue and are not written to while they travel.
unsafe impl Send for Pointer {}

struct Queue {
    sender: Sender<Pointer>,
    receiver: Receiver<Pointer>,
}

type PushMany = unsafe extern "C" fn(*mut c_void, c_uint, *const Message, usize);
type PopMany = unsafe extern "C" fn(*mut c_void, usize, *mut usize) -> usize;

#[repr(C)]
pub struct Impl {
    name: *const c_char,
    create: extern "C" fn(usize) -> *mut c_void,
    destroy: unsafe extern "C" fn(*mut c_void),
    push_many: PushMany,
    pop_many: PopMany,
    send_many: PushMany,
    receive_many: PopMany,
}
unsafe impl Sync for Impl {}

fn boxed((sender, receiver): (Sender<Pointer>, Receiver<Pointer>)) -> *mut c_void {
    Box::into_raw(Box::new(Queue { sender, receiver })) as *mut c_void
}

extern "C" fn create_bounded(capacity: usize) -> *mut c_void {
    boxed(bounded(capacity))
}

extern "C" fn create_unbounded(_capacity: usize) -> *mut c_void {
    boxed(unbounded())
}

unsafe extern "C" fn destroy(queue: *mut c_void) {
    drop(Box::from_raw(queue as *mut Queue));
}

unsafe extern "C" fn push_many(queue: *mut c_void, _producer: c_uint, messages: *const Message, count: usize) {
    let sender = &(*(queue as *const Queue)).sender;
    for i in 0..count {
        let mut message = Pointer(messages.add(i));
        while let Err(TrySendError::Full(back)) = sender.try_send(message) {
            message = back;
            std::thread::yield_now();
        }
    }
}

unsafe extern "C" fn pop_many(queue: *mut c_void, most: usize, sum: *mut usize) -> usize {
    let receiver = &(*(queue as *const Queue)).receiver;
    let mut count = 0;
    while count < most {
        match receiver.try_recv() {
            Ok(message) => *sum += (*message.0).payload,
            Err(_) => break,
        }
        count += 1;
    }
    count
}

unsafe extern "C" fn receive_many(queue: *mut c_void, most: usize, sum: *mut usize) -> usize {
    let receiver = &(*(queue as *const Queue)).receiver;
    match receiver.recv() {
        Ok(message) => *sum += (*message.0).payload,
        Err(_) => return 0,
    }
    1 + pop_many(queue, most - 1, sum)
}

static BOUNDED: Impl = Impl {
    name: b"crossbeam-bounded\0".as_ptr() as *const c_char,
    create: create_bounded,
    destroy,
    push_many,
    pop_many,
    send_many: push_many,
    receive_many,
};

static UNBOUNDED: Impl = Impl {
    name: b"crossbeam-unbounded\0".as_ptr() as *const c_char,
    create: create_unbounded,
    destroy,
    push_many,
    pop_many,
    send_many: push_many,
    receive_many,
};

#[repr(transparent)]
pub struct Entry(Option<&'static Impl>);
unsafe impl Sync for Entry {}

#[no_mangle]
#[allow(non_upper_case_globals)] // the name that queue_bench.h asks for
pub static bench_queue_impls: [Entry; 3] = [Entry(Some(&BOUNDED)), Entry(Some(&UNBOUNDED)), Entry(None)];
