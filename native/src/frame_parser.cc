#include "frame_parser.h"

#include <algorithm>
#include <cstring>

namespace {
/** A body buffer above this size is given back after its frame, so that one big frame does not cost memory
 * for ever. */
constexpr size_t kKeptBody = 256 * 1024;

uint64_t LittleEndian(const unsigned char (&bytes)[8]) {
  uint64_t value = 0;
  for (int i = 7; i >= 0; i--) value = value << 8 | bytes[i];
  return value;
}
}  // namespace

FrameParser::Result FrameParser::Next(const char** at, const char* end, const char** frame, size_t* length) {
  if (body_delivered_) FrameDone();
  if (header_size_ < sizeof header_) {
    const size_t taken = std::min(sizeof header_ - header_size_, static_cast<size_t>(end - *at));
    if (taken > 0) std::memcpy(header_ + header_size_, *at, taken);
    header_size_ += taken;
    *at += taken;
    if (header_size_ < sizeof header_) return Result::incomplete;
    length_ = LittleEndian(header_);
  }
  if (TooLong()) return Result::too_long;
  const auto available = static_cast<size_t>(end - *at);
  *length = length_;
  if (body_.empty() && available >= length_) {
    *frame = *at;
    *at += length_;
    header_size_ = 0;
    return Result::frame;
  }
  // The buffer grows with what arrives: the announced length is a stranger's word.
  const size_t taken = std::min(length_ - body_.size(), available);
  body_.append(*at, taken);
  *at += taken;
  if (body_.size() < length_) return Result::incomplete;
  *frame = body_.data();
  body_delivered_ = true;
  header_size_ = 0;
  return Result::frame;
}

void FrameParser::FrameDone() {
  body_delivered_ = false;
  if (body_.capacity() > kKeptBody) {
    std::string().swap(body_);
  } else {
    body_.clear();
  }
}
