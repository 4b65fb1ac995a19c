;; Has the whole message printed, the patient's name in it.
(func $misbehave (param $exchange i32) (result i32)
    (call $encode (call $message (local.get $exchange)) (i32.const 64))
    unreachable)
