//! What people call the segments of HL7 v2, all versions together.

/// The name of a standard segment; none where it is not one.
pub(crate) fn segment_name(segment: &str) -> Option<&'static str> {
    let found = NAMES.binary_search_by_key(&segment, |(name, _)| name).ok();
    found.and_then(|index| NAMES.get(index)).map(|(_, name)| *name)
}

/// Sorted.
#[rustfmt::skip]
const NAMES: &[(&str, &str)] = &[
    ("ABS", "Abstract"), ("ACC", "Accident"), ("ADD", "Addendum"), ("ADJ", "Adjustment"),
    ("AFF", "Professional Affiliation"), ("AIG", "Appointment Information, General Resource"),
    ("AIL", "Appointment Information, Location"), ("AIP", "Appointment Information, Personnel"),
    ("AIS", "Appointment Information, Service"), ("AL1", "Allergy"), ("APR", "Appointment Preferences"),
    ("ARQ", "Appointment Request"), ("ARV", "Access Restriction"), ("AUT", "Authorization"),
    ("BHS", "Batch Header"), ("BLC", "Blood Code"), ("BLG", "Billing"), ("BPO", "Blood Product Order"),
    ("BPX", "Blood Product Dispense Status"), ("BTS", "Batch Trailer"), ("BTX", "Blood Product Transfusion"),
    ("BUI", "Blood Unit Information"), ("CDM", "Charge Description Master"), ("CDO", "Cumulative Dosage"),
    ("CER", "Certificate"), ("CM0", "Clinical Study Master"), ("CM1", "Clinical Study Phase"),
    ("CM2", "Clinical Study Schedule"), ("CNS", "Clear Notification"), ("CON", "Consent"),
    ("CSP", "Clinical Study Phase"), ("CSR", "Clinical Study Registration"), ("CSS", "Clinical Study Data Schedule"),
    ("CTD", "Contact Data"), ("CTI", "Clinical Trial Identification"), ("DB1", "Disability"), ("DG1", "Diagnosis"),
    ("DMI", "DRG Master"), ("DON", "Donation"), ("DPS", "Diagnosis and Procedure Code"),
    ("DRG", "Diagnosis Related Group"), ("DSC", "Continuation Pointer"), ("DSP", "Display Data"),
    ("ECD", "Equipment Command"), ("ECR", "Equipment Command Response"), ("EDU", "Educational Detail"),
    ("EQL", "Embedded Query Language"), ("EQP", "Equipment Log"), ("EQU", "Equipment Detail"),
    ("ERQ", "Event Replay Query"), ("ERR", "Error"), ("EVN", "Event Type"), ("FAC", "Facility"),
    ("FHS", "File Header"), ("FT1", "Financial Transaction"), ("FTS", "File Trailer"), ("GOL", "Goal Detail"),
    ("GP1", "Grouping and Reimbursement, Visit"), ("GP2", "Grouping and Reimbursement, Procedure Line"),
    ("GT1", "Guarantor"), ("IAM", "Patient Adverse Reaction"), ("IAR", "Allergy Reaction"),
    ("IIM", "Inventory Item Master"), ("ILT", "Material Lot"), ("IN1", "Insurance"),
    ("IN2", "Insurance, Additional"), ("IN3", "Insurance, Certification"), ("INV", "Inventory Detail"),
    ("IPC", "Imaging Procedure Control"), ("IPR", "Invoice Processing Results"), ("ISD", "Interaction Status Detail"),
    ("ITM", "Material Item"), ("IVC", "Invoice"), ("IVT", "Material Location"), ("LAN", "Language Detail"),
    ("LCC", "Location Charge Code"), ("LCH", "Location Characteristic"), ("LDP", "Location Department"),
    ("LOC", "Location Identification"), ("LRL", "Location Relationship"), ("MCP", "Master File Coverage Policy"),
    ("MFA", "Master File Acknowledgment"), ("MFE", "Master File Entry"), ("MFI", "Master File Identification"),
    ("MRG", "Merge Patient"), ("MSA", "Message Acknowledgment"), ("MSH", "Message Header"),
    ("NCK", "System Clock"), ("NDS", "Notification Detail"), ("NK1", "Next of Kin"),
    ("NPU", "Bed Status Update"), ("NSC", "Application Status Change"),
    ("NST", "Application Control Level Statistics"), ("NTE", "Notes and Comments"), ("OBR", "Observation Request"),
    ("OBX", "Observation"), ("ODS", "Dietary Orders, Supplements and Preferences"),
    ("ODT", "Diet Tray Instructions"), ("OM1", "General Observation Master"),
    ("OM2", "Numeric Observation Master"), ("OM3", "Categorical Observation Master"),
    ("OM4", "Observation Specimens Master"), ("OM5", "Observation Batteries Master"),
    ("OM6", "Calculated Observation Master"), ("OM7", "Additional Observation Attributes"),
    ("OMC", "Supporting Clinical Information"), ("ORC", "Common Order"), ("ORG", "Practitioner Organization Unit"),
    ("OVR", "Override"), ("PAC", "Shipment Package"), ("PCE", "Patient Charge Cost Center Exceptions"),
    ("PCR", "Possible Causal Relationship"), ("PD1", "Patient Additional Demographics"),
    ("PDA", "Patient Death and Autopsy"), ("PDC", "Product Detail Country"), ("PEO", "Product Experience Observation"),
    ("PES", "Product Experience Sender"), ("PID", "Patient Identification"), ("PKG", "Item Packaging"),
    ("PM1", "Payer Master"), ("PMT", "Payment"), ("PR1", "Procedures"), ("PRA", "Practitioner Detail"),
    ("PRB", "Problem Details"), ("PRC", "Pricing"), ("PRD", "Provider Data"), ("PRT", "Participation"),
    ("PSG", "Product or Service Group"), ("PSH", "Product Summary Header"), ("PSL", "Product or Service Line Item"),
    ("PSS", "Product or Service Section"), ("PTH", "Pathway"), ("PV1", "Patient Visit"),
    ("PV2", "Patient Visit, Additional"), ("PYE", "Payee"), ("QAK", "Query Acknowledgment"),
    ("QID", "Query Identification"), ("QPD", "Query Parameter Definition"), ("QRD", "Original Style Query Definition"),
    ("QRF", "Original Style Query Filter"), ("QRI", "Query Response Instance"), ("RCP", "Response Control Parameter"),
    ("RDF", "Table Row Definition"), ("RDT", "Table Row Data"), ("REL", "Clinical Relationship"),
    ("RF1", "Referral"), ("RFI", "Request for Information"), ("RGS", "Resource Group"), ("RMI", "Risk Management Incident"),
    ("ROL", "Role"), ("RQ1", "Requisition Detail, Additional"), ("RQD", "Requisition Detail"),
    ("RX1", "Pharmacy Order, Old Style"), ("RXA", "Pharmacy Administration"), ("RXC", "Pharmacy Component"),
    ("RXD", "Pharmacy Dispense"), ("RXE", "Pharmacy Encoded Order"), ("RXG", "Pharmacy Give"),
    ("RXO", "Pharmacy Order"), ("RXR", "Pharmacy Route"), ("RXV", "Pharmacy Infusion"),
    ("SAC", "Specimen Container"), ("SCD", "Anti-Microbial Cycle Data"), ("SCH", "Scheduling Activity"),
    ("SCP", "Sterilizer Configuration"), ("SDD", "Sterilization Device Data"), ("SFT", "Software"),
    ("SGH", "Segment Group Header"), ("SGT", "Segment Group Trailer"), ("SHP", "Shipment"),
    ("SID", "Substance Identifier"), ("SLT", "Sterilization Lot"), ("SPM", "Specimen"),
    ("SPR", "Stored Procedure Request"), ("STF", "Staff Identification"), ("STZ", "Sterilization Parameter"),
    ("TCC", "Test Code Configuration"), ("TCD", "Test Code Detail"), ("TQ1", "Timing and Quantity"),
    ("TQ2", "Timing and Quantity Relationship"), ("TXA", "Transcription Document Header"),
    ("UAC", "User Authentication Credential"), ("UB1", "Uniform Billing 82"), ("UB2", "Uniform Billing 92"),
    ("URD", "Results or Update Definition"), ("URS", "Unsolicited Selection"), ("VAR", "Variance"),
    ("VND", "Purchasing Vendor"), ("VTQ", "Virtual Table Query"),
];

#[cfg(test)]
mod tests {
    use transfuse_message::Schema;

    use super::*;

    #[test]
    fn every_segment_that_a_version_defines_has_a_name() {
        assert!(NAMES.is_sorted());
        for schema in Schema::all() {
            let nameless: Vec<_> = schema.segments().filter(|name| segment_name(name).is_none()).collect();
            assert!(nameless.is_empty(), "{}: {nameless:?}", schema.version());
        }
    }
}
