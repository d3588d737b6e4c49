#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

/** Cuts a byte stream into frames (8-byte little-endian length, then as many bytes). */
class FrameParser {
 public:
  explicit FrameParser(uint64_t max_frame) : max_frame_(max_frame) {}

  enum class Result { frame, incomplete, too_long };

  /**
   * Takes bytes from [*at, end) and advances `*at`, up to the end of one frame. A frame that lies inside the
   * range is not copied; `frame` is valid until the next call.
   */
  Result Next(const char** at, const char* end, const char** frame, size_t* length);

  /** Gives the memory of an unfinished frame back. */
  void Clear() { std::string().swap(body_); }

  bool InsideFrame() const { return header_size_ > 0; }
  /** The next frame is longer than frames may be. It can still be taken if they may be longer then. */
  bool TooLong() const { return header_size_ == sizeof header_ && length_ > max_frame_; }
  /** How much of an unfinished frame is held. */
  size_t Partial() const { return body_delivered_ ? 0 : body_.size(); }

  void set_max_frame(uint64_t max_frame) { max_frame_ = max_frame; }

 private:
  void FrameDone();

  uint64_t max_frame_;
  unsigned char header_[8];
  size_t header_size_ = 0;
  uint64_t length_ = 0;
  std::string body_;
  bool body_delivered_ = false;
};
