//! What the engine tells the compiling process before the component.

use std::io::{self, Read, Write};

/// The beginning of an order, so that input of any other kind is refused at once.
const MAGIC: [u8; 8] = *b"tfcmpl\x00\x02";

/// What to compile within which limits. Whatever else compiled code depends on is the same in both processes, because
/// they are the same program; the engine looks at that once more when it loads the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Order {
    /// Bytes.
    pub(crate) address_space_bytes_max: u64,
    /// Seconds of all processors together.
    pub(crate) processor_s_max: u64,
    /// `SandboxSettings::stack_bytes_max`.
    pub(crate) stack_bytes_max: u64,
    /// The length of the component that follows.
    pub(crate) component_bytes: u64,
    /// Where `init` is run first; what it gets stands before the component.
    pub(crate) init: Option<InitOrder>,
}

/// What `init` gets, and what it may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InitOrder {
    /// The length of its configuration.
    pub(crate) config_bytes: u64,
    /// The length of the outlines of its tables.
    pub(crate) tables_bytes: u64,
    /// At least 1.
    pub(crate) fuel: u64,
    /// Bytes.
    pub(crate) memory_bytes_max: u64,
}

impl Order {
    pub(crate) fn write_to(&self, output: &mut impl Write) -> io::Result<()> {
        output.write_all(&MAGIC)?;
        for number in self.numbers() {
            output.write_all(&number.to_le_bytes())?;
        }
        Ok(())
    }

    pub(crate) fn read_from(input: &mut impl Read) -> io::Result<Self> {
        let mut number = [0; 8];
        input.read_exact(&mut number)?;
        if number != MAGIC {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "this is no order to compile",
            ));
        }
        let mut next = || {
            input.read_exact(&mut number)?;
            Ok::<u64, io::Error>(u64::from_le_bytes(number))
        };
        Ok(Self {
            address_space_bytes_max: next()?,
            processor_s_max: next()?,
            stack_bytes_max: next()?,
            component_bytes: next()?,
            init: InitOrder::of([next()?, next()?, next()?, next()?]),
        })
    }

    fn numbers(&self) -> [u64; 8] {
        let [config_bytes, tables_bytes, fuel, memory_bytes_max] = self.init.map_or([0; 4], InitOrder::numbers);
        [
            self.address_space_bytes_max,
            self.processor_s_max,
            self.stack_bytes_max,
            self.component_bytes,
            config_bytes,
            tables_bytes,
            fuel,
            memory_bytes_max,
        ]
    }
}

impl InitOrder {
    /// Without fuel nothing is run.
    fn of([config_bytes, tables_bytes, fuel, memory_bytes_max]: [u64; 4]) -> Option<Self> {
        let order = Self {
            config_bytes,
            tables_bytes,
            fuel,
            memory_bytes_max,
        };
        (fuel > 0).then_some(order)
    }

    fn numbers(self) -> [u64; 4] {
        [self.config_bytes, self.tables_bytes, self.fuel, self.memory_bytes_max]
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn an_order_arrives_as_it_was_sent_and_nothing_else_is_taken_for_one() {
        let order = Order {
            address_space_bytes_max: 1 << 40,
            processor_s_max: 2,
            stack_bytes_max: 3,
            component_bytes: 4,
            init: None,
        };
        let init = InitOrder {
            config_bytes: 5,
            tables_bytes: 6,
            fuel: 7,
            memory_bytes_max: 8,
        };
        let mut bytes = Vec::new();
        for order in [
            order,
            Order {
                init: Some(init),
                ..order
            },
        ] {
            bytes.clear();
            order.write_to(&mut bytes).unwrap();
            assert_eq!(Order::read_from(&mut bytes.as_slice()).unwrap(), order);
        }
        for other in [
            &b""[..],
            b"\0asm\x0d\0\x01\0more than enough bytes for an order",
            bytes.split_last().unwrap().1,
        ] {
            assert!(Order::read_from(&mut &*other).is_err());
        }
    }
}
