;; Reads the patient's name by another way to the same place.
(data (i32.const 1024) "PATIENT_RESULT/PATIENT/PID[1]-5[1].1.1")
(func $misbehave (param $exchange i32) (result i32)
    (call $get (call $message (local.get $exchange)) (i32.const 1024) (i32.const 38) (i32.const 64))
    unreachable)
