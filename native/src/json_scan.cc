#include "json_scan.h"

#include <cstdint>
#include <cstring>

namespace {
constexpr uint64_t kOnes = 0x0101010101010101;
constexpr uint64_t kHighBits = 0x8080808080808080;
constexpr char kLargestSafe[] = "9007199254740991";
constexpr size_t kLargestSafeDigits = sizeof kLargestSafe - 1;

/** The lowest bit set tells the first byte of `word` that equals `byte`; bits above it may be wrong. */
constexpr uint64_t BytesEqual(uint64_t word, char byte) {
  const uint64_t difference = word ^ (kOnes * static_cast<unsigned char>(byte));
  return (difference - kOnes) & ~difference & kHighBits;
}
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the first byte must be the lowest");

template <typename Char>
bool IsDigit(Char c) {
  return c >= '0' && c <= '9';
}

template <typename Char>
bool ContinuesNumber(Char c) {
  return IsDigit(c) || c == '.' || c == 'e' || c == 'E' || c == '+' || c == '-';
}

template <typename Char>
bool IsSpace(Char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

template <typename Char>
class Scanner {
 public:
  Scanner(const Char* text, size_t length, std::basic_string<Char>* marked)
      : at_(text), end_(text + length), copied_(text), marked_(marked) {}

  JsonScan Run() {
    while (at_ < end_) {
      const Char c = *at_;
      if (c == '"') {
        at_++;
        SkipString();
      } else if (IsDigit(c) || c == '-') {
        ScanNumber();
      } else {
        seen_ |= static_cast<uint64_t>(c);
        at_++;
      }
    }
    if (result_.changed) marked_->append(copied_, end_);
    result_.ascii = (seen_ & ~uint64_t{0x7f}) == 0;
    return result_;
  }

 private:
  /** Goes behind the closing quote, or to the end. */
  void SkipString() {
    for (;;) {
      SkipPlainWords();
      if (at_ >= end_) return;
      const Char c = *at_++;
      if (c == '"') return;
      seen_ |= static_cast<uint64_t>(c);
      if (c == '\\' && at_ < end_) seen_ |= static_cast<uint64_t>(*at_++);
    }
  }

  /** Goes on, eight bytes at a time, to the next quote or backslash, or near the end. */
  void SkipPlainWords() {
    if constexpr (sizeof(Char) == 1) {
      uint64_t word;
      while (static_cast<size_t>(end_ - at_) >= sizeof word) {
        std::memcpy(&word, at_, sizeof word);
        // Any high bit, whichever byte it is in, is folded to where the test for ASCII looks.
        if ((word & kHighBits) != 0) seen_ |= 0x80;
        const uint64_t found = BytesEqual(word, '"') | BytesEqual(word, '\\');
        if (found != 0) {
          at_ += __builtin_ctzll(found) / 8;
          return;
        }
        at_ += sizeof word;
      }
    }
  }

  void ScanNumber() {
    const Char* token = at_;
    const Char* digits = *at_ == '-' ? ++at_ : at_;
    while (at_ < end_ && IsDigit(*at_)) at_++;
    const auto count = static_cast<size_t>(at_ - digits);
    if (at_ < end_ && ContinuesNumber(*at_)) {
      while (at_ < end_ && ContinuesNumber(*at_)) at_++;
      return;
    }
    if (count >= kLargestSafeDigits && IsLong(digits, count) && !IsKey()) Mark(token);
  }

  bool IsLong(const Char* digits, size_t count) const {
    if (*digits == '0') return false;  // malformed, and must stay so
    if (count > kLargestSafeDigits) return true;
    for (size_t i = 0; i < count; i++) {
      if (digits[i] != static_cast<Char>(kLargestSafe[i]))
        return digits[i] > static_cast<Char>(kLargestSafe[i]);
    }
    return false;
  }

  /** A bare number is no key; quoting it would make one of it. */
  bool IsKey() const {
    const Char* next = at_;
    while (next < end_ && IsSpace(*next)) next++;
    return next < end_ && *next == ':';
  }

  void Mark(const Char* token) {
    if (!result_.changed) marked_->clear();
    result_.changed = true;
    marked_->append(copied_, token);
    for (const char* prefix = "\"\\u0000n"; *prefix != '\0'; prefix++) marked_->push_back(*prefix);
    marked_->append(token, at_);
    marked_->push_back('"');
    copied_ = at_;
  }

  const Char* at_;
  const Char* end_;
  const Char* copied_;
  std::basic_string<Char>* marked_;
  uint64_t seen_ = 0;
  JsonScan result_;
};
}  // namespace

template <typename Char>
JsonScan ScanJson(const Char* text, size_t length, std::basic_string<Char>* marked) {
  return Scanner<Char>(text, length, marked).Run();
}

template JsonScan ScanJson(const char*, size_t, std::string*);
template JsonScan ScanJson(const char16_t*, size_t, std::u16string*);
