// Manual pages from option declarations: roff for man(7).
#include <cctype>

#include "common/options.h"
#include "common/version.h"

namespace hirehall {

std::string roff_escaped(std::string_view text) {
  std::string out;
  for (char c : text) {
    bool line_starts = out.empty() || out.back() == '\n';
    // A dot or quote that begins a line is a request; a bare hyphen would not be found by searching for it.
    if (line_starts && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else
      out += c;
  }
  return out;
}

namespace {

std::string dashed(std::string text) {
  for (auto& c : text)
    if (c == ' ') c = '-';
  return text;
}

std::string upper(std::string text) {
  for (auto& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

std::string term(const OptionDeclaration& d) {
  std::string out = ".TP\n";
  if (d.letter != 0) out += "\\fB\\-" + std::string(1, d.letter) + "\\fR, ";
  out += "\\fB\\-\\-" + roff_escaped(d.name) + "\\fR";
  if (d.shape != OptionShape::flag) out += " \\fI" + roff_escaped(d.placeholder) + "\\fR";
  return out + "\n" + roff_escaped(d.explanation()) + "\n";
}

}  // namespace

std::string OptionTable::man_page() const {
  auto name = dashed(program_);
  auto section = std::to_string(section_);
  std::string out = ".TH " + upper(name) + " " + section + " \"\" \"hirehall " +
                    std::string(software_version()) + "\" \"Hirehall\"\n";
  out += ".SH NAME\n" + roff_escaped(name) + " \\- " + roff_escaped(summary_) + "\n";
  out += ".SH SYNOPSIS\n.B " + roff_escaped(program_) + "\n[\\fIoptions\\fR]";
  if (operands_max_ > 0) out += " \\fI" + roff_escaped(operand_placeholder_) + "\\fR";
  out += "\n.SH DESCRIPTION\n" + roff_escaped(summary_) + "\n";
  if (!operand_help_.empty())
    out += ".TP\n\\fI" + roff_escaped(operand_placeholder_) + "\\fR\n" + roff_escaped(operand_help_) + "\n";
  out +=
      ".SH OPTIONS\nEach option is also a variable \\fBHIREHALL_\\fINAME\\fR and a line "
      "\\fIname\\fR = \\fIvalue\\fR in the file of \\fB\\-\\-config\\fR; the option wins over the variable, "
      "the variable over the file.\n";
  for (const auto& d : declarations_) out += term(d);
  if (!epilogue_.empty()) out += ".SH NOTES\n.nf\n" + roff_escaped(epilogue_) + "\n.fi\n";
  if (program_ != "hirehall") out += ".SH SEE ALSO\n.BR hirehall (1)\n";
  return out;
}

}  // namespace hirehall
